/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Who talks to whom: endpoints of a socket, of a request socket, or of a packet that has no socket. */
#ifndef TCPPERF_LIB_ENDPOINTS_H
#define TCPPERF_LIB_ENDPOINTS_H

#include "lib/filter.bpf.h"

static __always_inline void set_mapped(struct in6_addr_bytes *out, __be32 v4)
{
	u32 *words = (u32 *)out->bytes;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = v4;
}

/* Any socket that has the common part: full, request and time-wait sockets. `common` is readable kernel memory. */
static __always_inline void endpoints_of_common(const struct sock_common *common, struct endpoints *ends)
{
	ends->local_port = BPF_CORE_READ(common, skc_num);
	ends->remote_port = bpf_ntohs(BPF_CORE_READ(common, skc_dport));
	if (BPF_CORE_READ(common, skc_family) == AF_INET6) {
		bpf_core_read(&ends->local, sizeof(ends->local), &common->skc_v6_rcv_saddr);
		bpf_core_read(&ends->remote, sizeof(ends->remote), &common->skc_v6_daddr);
	} else {
		set_mapped(&ends->local, BPF_CORE_READ(common, skc_rcv_saddr));
		set_mapped(&ends->remote, BPF_CORE_READ(common, skc_daddr));
	}
}

/* A full socket. */
static __always_inline void endpoints_of_socket(const struct sock *sk, struct endpoints *ends)
{
	endpoints_of_common(&sk->__sk_common, ends);
	if (ends->local_port == 0)
		ends->local_port = bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

/* Whether the packet is TCP by its IP header, and its endpoints. IPv6 extension headers are not followed. */
static __always_inline bool endpoints_of_packet(const struct sk_buff *skb, struct endpoints *ends)
{
	const unsigned char *head = BPF_CORE_READ(skb, head);
	const unsigned char *ip = head + BPF_CORE_READ(skb, network_header);
	struct in6_addr_bytes source, destination;
	u16 protocol = BPF_CORE_READ(skb, protocol);
	__be16 ports[2] = {};
	u32 header_bytes;
	u8 first, next;

	if (protocol == bpf_htons(ETH_P_IP)) {
		__be32 address;

		bpf_probe_read_kernel(&first, 1, ip);
		if (first >> 4 != 4)
			return false;
		bpf_probe_read_kernel(&next, 1, ip + 9);
		bpf_probe_read_kernel(&address, 4, ip + 12);
		set_mapped(&source, address);
		bpf_probe_read_kernel(&address, 4, ip + 16);
		set_mapped(&destination, address);
		header_bytes = (first & 0xf) * 4;
	} else if (protocol == bpf_htons(ETH_P_IPV6)) {
		bpf_probe_read_kernel(&first, 1, ip);
		if (first >> 4 != 6)
			return false;
		bpf_probe_read_kernel(&next, 1, ip + 6);
		bpf_probe_read_kernel(&source, 16, ip + 8);
		bpf_probe_read_kernel(&destination, 16, ip + 24);
		header_bytes = 40;
	} else {
		return false;
	}
	if (next != IPPROTO_TCP)
		return false;
	bpf_probe_read_kernel(ports, sizeof(ports), ip + header_bytes);

	/* Received packets carry the interface they came in by. */
	if (BPF_CORE_READ(skb, skb_iif)) {
		ends->local = destination;
		ends->remote = source;
		ends->local_port = bpf_ntohs(ports[1]);
		ends->remote_port = bpf_ntohs(ports[0]);
	} else {
		ends->local = source;
		ends->remote = destination;
		ends->local_port = bpf_ntohs(ports[0]);
		ends->remote_port = bpf_ntohs(ports[1]);
	}
	return true;
}

#endif
