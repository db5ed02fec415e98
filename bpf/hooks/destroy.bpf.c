/* SPDX-License-Identifier: GPL-2.0 */
/* A TCP socket is about to be freed: the last look at its own counters. */
#include "probes/retransmit.bpf.h"

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow *flow;

	if (!tp)
		return 0;
	flow = flow_of(sk, tp);
	if (!flow)
		return 0;
	retransmit_count_sent(flow, tp);
	return 0;
}
