/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A packet is freed without having been consumed. The reason argument exists since 5.17. */
#include "probes/drop.bpf.h"

SEC("tp_btf/kfree_skb")
int on_drop(unsigned long long *ctx)
{
	const struct sk_buff *skb = (const struct sk_buff *)ctx[0];

	drop_on_free(skb, (u32)ctx[2]);
	return 0;
}
