/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A RST arrived for a socket. */
#include "probes/reset.bpf.h"

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_recv, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow *flow;

	if (!tp)
		return 0;
	flow = flow_of(sk, tp);
	if (!flow)
		return 0;
	reset_on_receive(flow);
	return 0;
}
