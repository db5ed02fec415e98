/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * For a route: every packet passes IP output a second time, inside another header and still its socket's. Nobody
 * unpacks it.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <linux/ip.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

SEC("lwt_xmit")
int second_pass(struct __sk_buff *skb)
{
	struct iphdr outer = {
		.ihl = 5,
		.version = 4,
		.ttl = 64,
		.protocol = 4,			/* IPIP */
		.saddr = bpf_htonl(0x0a4d0001), /* 10.77.0.1 */
		.daddr = bpf_htonl(0x0a4d0002), /* 10.77.0.2 */
	};

	outer.tot_len = bpf_htons(sizeof(outer) + skb->len);
	if (bpf_lwt_push_encap(skb, BPF_LWT_ENCAP_IP, &outer, sizeof(outer)))
		return BPF_DROP;
	return BPF_LWT_REROUTE;
}

char LICENSE[] SEC("license") = "GPL";
