/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The common filter: which connections are measured. Lists of networks and ports are alternatives; every list that is
 * not empty must match. An IPv4 address is matched as its IPv4-mapped IPv6 form, so mapped sockets need no care.
 */
#ifndef TCPPERF_LIB_FILTER_H
#define TCPPERF_LIB_FILTER_H

#include "abi/filter.h"

/* Which lists are not empty. All zero: everything is measured and the verifier removes the filter. */
const volatile bool cfg_filter_local_ip;
const volatile bool cfg_filter_remote_ip;
const volatile bool cfg_filter_local_port;
const volatile bool cfg_filter_remote_port;

/* Written once by the loader before the programs run; read only here. A trie because networks have prefixes. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, TCPPERF_FILTER_NETWORKS);
	__type(key, struct tcpperf_network);
	__type(value, u32);
} filter_networks SEC(".maps");

/* Bit map of ports: local ports from bit 0, remote ports from bit 65536. An array because ports are dense. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, TCPPERF_FILTER_PORT_WORDS);
	__type(key, u32);
	__type(value, u64);
} filter_ports SEC(".maps");

/* Both ends of a connection as the local host sees it. Ports in host byte order, 0 when not known yet. */
struct endpoints {
	struct in6_addr_bytes {
		u8 bytes[16];
	} local, remote;
	u16 local_port;
	u16 remote_port;
};

enum verdict { VERDICT_UNDECIDED, VERDICT_MEASURE, VERDICT_IGNORE };

static __always_inline bool filter_active(void)
{
	return cfg_filter_local_ip || cfg_filter_remote_ip || cfg_filter_local_port || cfg_filter_remote_port;
}

static __always_inline bool network_listed(u32 side, const struct in6_addr_bytes *address)
{
	struct tcpperf_network key;

	key.prefix_bits = TCPPERF_NETWORK_SIDE_BITS + 128;
	key.side = side;
	__builtin_memcpy(key.address, address->bytes, sizeof(key.address));
	return bpf_map_lookup_elem(&filter_networks, &key) != NULL;
}

static __always_inline bool port_listed(u32 side, u16 port)
{
	u32 bit = side * 65536 + port;
	u32 index = bit / 64;
	u64 *word = bpf_map_lookup_elem(&filter_ports, &index);

	return word && (*word >> (bit % 64)) & 1;
}

/* Undecided as long as a port that a list asks for is not known yet (a connecting socket before its first SYN). */
static __always_inline enum verdict filter_judge(const struct endpoints *ends)
{
	if (cfg_filter_local_ip && !network_listed(TCPPERF_LOCAL, &ends->local))
		return VERDICT_IGNORE;
	if (cfg_filter_remote_ip && !network_listed(TCPPERF_REMOTE, &ends->remote))
		return VERDICT_IGNORE;
	if (cfg_filter_remote_port && !port_listed(TCPPERF_REMOTE, ends->remote_port))
		return VERDICT_IGNORE;
	if (cfg_filter_local_port) {
		if (ends->local_port == 0)
			return VERDICT_UNDECIDED;
		if (!port_listed(TCPPERF_LOCAL, ends->local_port))
			return VERDICT_IGNORE;
	}
	return VERDICT_MEASURE;
}

#endif
