/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The congestion control of a socket is about to change its state (since 5.19): icsk_ca_state still has the old one. */
#include "probes/congestion.bpf.h"
#include "probes/stall.bpf.h"
#include "probes/time.bpf.h"

SEC("tp_btf/tcp_cong_state_set")
int BPF_PROG(on_congestion, struct sock *sk, u8 to)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow *flow;

	/* Not yet of a listener's copy: its addresses may still be the listener's, see FLOW_ARRIVES. */
	if (!tp || !state_is_open(sk->__sk_common.skc_state))
		return 0;
	flow = flow_of(sk, tp);
	if (!flow)
		return 0;
	time_on_congestion(flow, tp, to);
	stall_on_congestion(flow, sk, tp, to, sampling_weight(sk));
	congestion_on_congestion(flow, to);
	return 0;
}
