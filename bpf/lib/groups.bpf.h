/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Groups: from what is known of a connection to its slot. Costs a hash lookup, once per socket and grouping.
 *
 * Only a socket makes a group; a packet without one is counted in a group that is there already, or in `other`. So
 * nobody who merely sends packets can use the slots up.
 */
#ifndef TCPPERF_LIB_GROUPS_H
#define TCPPERF_LIB_GROUPS_H

#include "abi/groups.h"
#include "lib/endpoints.bpf.h"
#include "lib/maps.bpf.h"

/* 16 bits per grouping, the first lowest: its set of dimensions; its first element of group_table. */
const volatile u64 cfg_group_dimensions;
const volatile u64 cfg_group_first;
/* Likewise: all bits set of a grouping that is one of listeners, where a connection is in its listener's group. */
const volatile u64 cfg_group_listeners;
/* Bits of a remote_prefix that are not cleared, of the mapped address: 96 + n for IPv4. */
const volatile u32 cfg_group_prefix_ipv4_bits = 128;
const volatile u32 cfg_group_prefix_ipv6_bits = 128;

/*
 * A probe's place: the grouping whose slots its arrays have, and how many of them. 0 slots: not grouped, everything is
 * in slot 0, and the verifier removes the rest.
 */
#define PROBE_GROUPS(probe)                                                                                            \
	const volatile u32 cfg_##probe##_grouping;                                                                     \
	const volatile u32 cfg_##probe##_groups

/* Sizes of these four are set by the loader. A hash, preallocated, because keys are sparse; the daemon deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct tcpperf_group_key);
	__type(value, u32);
} group_slots SEC(".maps");

/* What is in which slot, for the daemon. A slot is written by the program that took it from the queue. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct tcpperf_group);
} group_table SEC(".maps");

/* Free slots, filled by the daemon. */
#define FREE_SLOTS(name)                                                                                               \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_QUEUE);                                                                      \
		__uint(max_entries, 1);                                                                                \
		__type(value, u32);                                                                                    \
	} name SEC(".maps")
FREE_SLOTS(group_free_0);
FREE_SLOTS(group_free_1);
FREE_SLOTS(group_free_2);
FREE_SLOTS(group_free_3);

/* Sockets put into `other` because no slot was free, per grouping. */
COUNTER_ARRAY(group_overflow, TCPPERF_GROUPINGS);

static __always_inline bool groups_by(enum tcpperf_dimension dimension)
{
	return cfg_group_dimensions & 0x0001000100010001ULL << dimension;
}

/* In a grouping of connections. */
static __always_inline bool groups_connections_by(enum tcpperf_dimension dimension)
{
	return cfg_group_dimensions & ~cfg_group_listeners & 0x0001000100010001ULL << dimension;
}

static __always_inline bool groups_connections(void)
{
	return cfg_group_dimensions & ~cfg_group_listeners;
}

static __always_inline bool group_is_of_listeners(u32 grouping)
{
	return cfg_group_listeners >> 16 * grouping & 1;
}

static __always_inline u32 group_dimensions(u32 grouping)
{
	return cfg_group_dimensions >> 16 * grouping & 0xffff;
}

static __always_inline long take_slot(u32 grouping, u32 *slot)
{
	switch (grouping) {
	case 0:
		return bpf_map_pop_elem(&group_free_0, slot);
	case 1:
		return bpf_map_pop_elem(&group_free_1, slot);
	case 2:
		return bpf_map_pop_elem(&group_free_2, slot);
	}
	return bpf_map_pop_elem(&group_free_3, slot);
}

/* A free slot, or `other` when there is none. */
static __noinline u32 take_free_slot(u32 grouping)
{
	u32 slot = TCPPERF_OTHER;

	if (take_slot(grouping, &slot))
		return TCPPERF_OTHER;
	return slot;
}

static __always_inline void give_slot_back(u32 grouping, const u32 *slot)
{
	switch (grouping) {
	case 0:
		bpf_map_push_elem(&group_free_0, slot, 0);
		return;
	case 1:
		bpf_map_push_elem(&group_free_1, slot, 0);
		return;
	case 2:
		bpf_map_push_elem(&group_free_2, slot, 0);
		return;
	}
	bpf_map_push_elem(&group_free_3, slot, 0);
}

static __always_inline void keep_prefix(tcpperf_u8 *address, u32 bits)
{
	u32 *words = (u32 *)address;

#pragma unroll
	for (u32 i = 0; i < 4; i++) {
		if (bits <= 32 * i)
			words[i] = 0;
		else if (bits < 32 * (i + 1))
			words[i] &= bpf_htonl(~0U << (32 * (i + 1) - bits));
	}
}

/* The part of `facts` that the grouping tells apart. */
static __always_inline void group_select(const struct tcpperf_group_key *facts, u32 grouping,
					 struct tcpperf_group_key *key)
{
	u32 by = group_dimensions(grouping);

	__builtin_memset(key, 0, sizeof(*key));
	key->grouping = grouping;
	key->listener = group_is_of_listeners(grouping);
	if (by & 1 << TCPPERF_BY_LOCAL_IP)
		__builtin_memcpy(key->local_ip, facts->local_ip, sizeof(key->local_ip));
	if (by & (1 << TCPPERF_BY_REMOTE_IP | 1 << TCPPERF_BY_REMOTE_PREFIX))
		__builtin_memcpy(key->remote_ip, facts->remote_ip, sizeof(key->remote_ip));
	if (by & 1 << TCPPERF_BY_REMOTE_PREFIX)
		keep_prefix(key->remote_ip, facts->family == TCPPERF_FAMILY_IPV4 ? cfg_group_prefix_ipv4_bits
										 : cfg_group_prefix_ipv6_bits);
	if (by & 1 << TCPPERF_BY_LOCAL_PORT)
		key->local_port = facts->local_port;
	if (by & 1 << TCPPERF_BY_REMOTE_PORT)
		key->remote_port = facts->remote_port;
	if (by & 1 << TCPPERF_BY_SERVICE_PORT)
		key->service_port = facts->service_port;
	if (by & 1 << TCPPERF_BY_PROCESS)
		__builtin_memcpy(key->process, facts->process, sizeof(key->process));
	if (by & 1 << TCPPERF_BY_PID)
		key->pid = facts->pid;
	if (by & 1 << TCPPERF_BY_CGROUP)
		key->cgroup = facts->cgroup;
	if (by & 1 << TCPPERF_BY_INTERFACE)
		__builtin_memcpy(key->interface, facts->interface, sizeof(key->interface));
	if (by & 1 << TCPPERF_BY_NETNS)
		key->netns = facts->netns;
	if (by & 1 << TCPPERF_BY_ROLE)
		key->role = facts->role;
	if (by & 1 << TCPPERF_BY_CONGESTION_CONTROL)
		__builtin_memcpy(key->congestion_control, facts->congestion_control, sizeof(key->congestion_control));
	if (by & 1 << TCPPERF_BY_FAMILY)
		key->family = facts->family;
}

static __always_inline struct tcpperf_group *group_entry(u32 grouping, u32 slot)
{
	u32 index = (cfg_group_first >> 16 * grouping & 0xffff) + slot;

	return bpf_map_lookup_elem(&group_table, &index);
}

/* The slot of a group that is there, else `other`. */
static __noinline u32 group_find(const struct tcpperf_group_key *facts, u32 grouping)
{
	struct tcpperf_group_key key;
	u32 *slot;

	if (!facts)
		return TCPPERF_OTHER;
	group_select(facts, grouping, &key);
	slot = bpf_map_lookup_elem(&group_slots, &key);
	return slot ? *slot : TCPPERF_OTHER;
}

/* The slot of a socket's group, made if there is none; `other` when there is no free slot. */
static __noinline u32 group_resolve(const struct tcpperf_group_key *facts, u32 grouping)
{
	struct tcpperf_group_key key;
	struct tcpperf_group *entry;
	u32 fresh, *found, slot;

	if (!facts)
		return TCPPERF_OTHER;
	group_select(facts, grouping, &key);
	found = bpf_map_lookup_elem(&group_slots, &key);
	if (found) {
		slot = *found;
	} else {
		fresh = take_free_slot(grouping);
		slot = fresh;
		entry = slot != TCPPERF_OTHER ? group_entry(grouping, slot) : NULL;
		if (entry)
			entry->key = key;
		if (!entry || bpf_map_update_elem(&group_slots, &key, &slot, BPF_NOEXIST)) {
			/* Another CPU may have made the same group just now. */
			if (fresh != TCPPERF_OTHER)
				give_slot_back(grouping, &fresh);
			found = bpf_map_lookup_elem(&group_slots, &key);
			if (!found)
				return TCPPERF_OTHER;
			slot = *found;
		}
	}
	entry = group_entry(grouping, slot);
	if (entry)
		__sync_fetch_and_add(&entry->resolved, 1);
	return slot;
}

/* What the two ends, their family and the role say. */
static __always_inline void group_facts_of_ends(const struct endpoints *ends, u8 role, struct tcpperf_group_key *facts)
{
	const u32 *words = (const u32 *)ends->remote.bytes;

	__builtin_memcpy(facts->local_ip, ends->local.bytes, sizeof(facts->local_ip));
	__builtin_memcpy(facts->remote_ip, ends->remote.bytes, sizeof(facts->remote_ip));
	facts->local_port = ends->local_port;
	facts->remote_port = ends->remote_port;
	facts->role = role;
	facts->service_port = role == TCPPERF_ROLE_SERVER   ? ends->local_port
			      : role == TCPPERF_ROLE_CLIENT ? ends->remote_port
							    : 0;
	facts->family = words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0xffff) ? TCPPERF_FAMILY_IPV4
											: TCPPERF_FAMILY_IPV6;
}

/* Its cgroup2; the root for a socket that has numbers of cgroup v1 instead (before 5.15: kernel commit 8520e224f547).
 */
static __always_inline u64 cgroup_id_of(const struct sock *sk)
{
	const struct sock_cgroup_data___before_5_15 *older = (const void *)&sk->sk_cgrp_data;
	const struct cgroup *cgroup;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup))
		return BPF_CORE_READ(sk, sk_cgrp_data.cgroup, kn, id);
	cgroup = (const struct cgroup *)BPF_CORE_READ(older, val);
	if (!cgroup || (u64)cgroup & 3)
		return CGROUP_ROOT_ID;
	return BPF_CORE_READ(cgroup, kn, id);
}

/* What a full socket says beyond its ends. */
static __always_inline void group_facts_of_socket(const struct sock *sk, struct tcpperf_group_key *facts)
{
	const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;

	facts->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	facts->cgroup = cgroup_id_of(sk);
	if (groups_by(TCPPERF_BY_CONGESTION_CONTROL)) {
		const struct tcp_congestion_ops *ops = BPF_CORE_READ(icsk, icsk_ca_ops);

		if (ops)
			bpf_probe_read_kernel_str(facts->congestion_control, sizeof(facts->congestion_control),
						  ops->name);
	}
	if (groups_by(TCPPERF_BY_INTERFACE)) {
		const struct net_device *device = BPF_CORE_READ(sk, sk_dst_cache, dev);

		if (device)
			bpf_probe_read_kernel_str(facts->interface, sizeof(facts->interface), device->name);
	}
}

/* What only a socket tells. */
#define SOCKET_DIMENSIONS                                                                                              \
	(1 << TCPPERF_BY_PROCESS | 1 << TCPPERF_BY_PID | 1 << TCPPERF_BY_CGROUP | 1 << TCPPERF_BY_INTERFACE |          \
	 1 << TCPPERF_BY_NETNS | 1 << TCPPERF_BY_CONGESTION_CONTROL)

/*
 * The slot of a connection that has no socket here, or none yet. It is not known which end serves it: a group that fits
 * one of the two ways is its group, and when different groups fit, none is. For hooks that are rare, or that an
 * attacker can make frequent: makes no group.
 */
static __noinline u32 group_of_ends(const struct endpoints *ends, u32 grouping)
{
	struct tcpperf_group_key facts = {};
	u32 as_server, as_client;

	if (!ends || group_dimensions(grouping) & SOCKET_DIMENSIONS)
		return TCPPERF_OTHER;
	group_facts_of_ends(ends, TCPPERF_ROLE_SERVER, &facts);
	as_server = group_find(&facts, grouping);
	group_facts_of_ends(ends, TCPPERF_ROLE_CLIENT, &facts);
	as_client = group_find(&facts, grouping);
	if (as_server == TCPPERF_OTHER)
		return as_client;
	return as_client == TCPPERF_OTHER || as_client == as_server ? as_server : TCPPERF_OTHER;
}

#endif
