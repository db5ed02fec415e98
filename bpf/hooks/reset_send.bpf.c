/* SPDX-License-Identifier: GPL-2.0 */
/* A RST is sent. */
#include "probes/reset.bpf.h"

SEC("tp_btf/tcp_send_reset")
int on_reset_send(unsigned long long *ctx)
{
	const struct sock *sk = (const struct sock *)ctx[0];
	const struct sk_buff *skb = (const struct sk_buff *)ctx[1];
	u32 reason = TCPPERF_RESET_OTHER;

	if (kernel_reset_reason)
		reason = (u32)ctx[2];
	reset_on_send(sk, skb, reason);
	return 0;
}
