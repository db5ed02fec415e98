/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Keys of the filter maps, written by the loader and read by the BPF programs. */
#ifndef TCPPERF_ABI_FILTER_H
#define TCPPERF_ABI_FILTER_H

#include "types.h"

#define TCPPERF_FILTER_NETWORKS 2048
#define TCPPERF_FILTER_PORT_WORDS (2 * 65536 / 64)

enum tcpperf_side { TCPPERF_LOCAL, TCPPERF_REMOTE };

/* Key of a longest-prefix-match trie: the side is part of the prefix, so both sides share one trie. */
struct tcpperf_network {
	tcpperf_u32 prefix_bits; /* TCPPERF_NETWORK_SIDE_BITS + bits of the network (IPv4: 96 + n) */
	tcpperf_u32 side;	 /* enum tcpperf_side */
	tcpperf_u8 address[16];	 /* network byte order; IPv4 as ::ffff:a.b.c.d */
};

#define TCPPERF_NETWORK_SIDE_BITS 32

TCPPERF_STATIC_ASSERT(sizeof(struct tcpperf_network) == 24, "trie key has no padding");

#endif
