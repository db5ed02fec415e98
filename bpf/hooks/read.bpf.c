/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A process has taken data out of a socket's queue: once for each buffer of it, under the socket's lock. */
#include "probes/listener.bpf.h"
#include "probes/stall.bpf.h"

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(on_read, struct sock *sk)
{
	u32 weight = sampling_weight_on_hot_path(sk);
	struct tcp_sock *tp;
	struct flow *flow;

	if (!weight)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	flow = flow_of(sk, tp);
	if (!flow)
		return 0;
	if (flow->unaccepted) {
		u64 wait_ns = flow_accepted(flow, sk);

		listener_on_accepted(flow, wait_ns, weight);
		stall_on_accepted(flow, wait_ns, weight);
	}
	stall_on_read(flow, sk, tp, weight);
	return 0;
}
