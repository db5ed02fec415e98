/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A RST is sent. */
#include "probes/reconciliation.bpf.h"
#include "probes/reset.bpf.h"

SEC("tp_btf/tcp_send_reset")
int on_reset_send(unsigned long long *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	const struct sk_buff *skb = (const struct sk_buff *)ctx[1];
	u32 reason = TCPPERF_RESET_OTHER;
	struct flow *flow = NULL;

	if (kernel_reset_reason)
		reason = (u32)ctx[2];
	reconciliation_on_reset_send(sk, skb);
	/* Of a socket that we know: a listener, or one that is closed already, may not be the one that is meant. */
	if (sk && bpf_skc_to_tcp_sock(sk) && sk->__sk_common.skc_state != TCP_LISTEN)
		flow = flows_find(sk);
	reset_on_send(flow, sk, skb, reason);
	return 0;
}
