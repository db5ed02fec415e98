/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A segment was, or (since 6.17) could not be, sent again. */
#include "probes/reconciliation.bpf.h"
#include "probes/retransmit.bpf.h"

SEC("tp_btf/tcp_retransmit_skb")
int on_retransmit(unsigned long long *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct sk_buff *skb = (struct sk_buff *)ctx[1];
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow *flow;
	int err = 0;

	if (kernel_retransmit_error)
		err = (int)ctx[2];
	if (!tp)
		return 0;
	reconciliation_on_retransmit(sk, skb, err);
	flow = flow_of(sk, tp);
	if (!flow)
		return 0;
	retransmit_on_retransmit(flow, sk, tp, skb, err);
	return 0;
}
