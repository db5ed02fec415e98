/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What is remembered of each socket. SOCKET_STORAGE(flows, struct flow, TCPPERF_STORAGE_FLOWS) is a map and
 *
 *	struct flow *flows_find(sk)	NULL when the socket has none
 *	struct flow *flows_create(sk)	zeros, if it was not there; NULL without memory
 *	bool flows_inherit(child, tp)	a listener's new copy has what the listener has; false without memory
 *	void flows_delete(sk)		the socket is about to be freed
 *
 * SOCKET_STORAGE_INHERITED is the same for what is inherited.
 *
 * In the kernel's own socket-local storage the kernel finds it from the socket, clones it and frees it: there is
 * nothing to do for the last two. Before 5.11 (kernel commit 8e4597c627fb) tracing programs cannot use that. There, it
 * is a hash map keyed by the socket's address.
 */
#ifndef TCPPERF_LIB_SOCKET_STORAGE_H
#define TCPPERF_LIB_SOCKET_STORAGE_H

#include "lib/maps.bpf.h"

#ifndef TCPPERF_OLDER_KERNELS

#define KERNEL_CLONES_STORAGE true

#define SOCKET_STORAGE_MAP(name, value_type, flags)                                                                    \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_SK_STORAGE);                                                                 \
		__uint(map_flags, BPF_F_NO_PREALLOC | (flags));                                                        \
		__type(key, int);                                                                                      \
		__type(value, value_type);                                                                             \
	} name SEC(".maps");                                                                                           \
	static __always_inline value_type *name##_find(struct sock *sk)                                                \
	{                                                                                                              \
		return bpf_sk_storage_get(&name, sk, NULL, 0);                                                         \
	}                                                                                                              \
	static __always_inline value_type *name##_create(struct sock *sk)                                              \
	{                                                                                                              \
		return bpf_sk_storage_get(&name, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);                               \
	}                                                                                                              \
	static __always_inline bool name##_inherit(struct sock *child, const struct tcp_sock *tp)                      \
	{                                                                                                              \
		return true;                                                                                           \
	}                                                                                                              \
	static __always_inline void name##_delete(struct sock *sk)                                                     \
	{                                                                                                              \
	}

#define SOCKET_STORAGE(name, value_type, storage) SOCKET_STORAGE_MAP(name, value_type, 0)
#define SOCKET_STORAGE_INHERITED(name, value_type, storage) SOCKET_STORAGE_MAP(name, value_type, BPF_F_CLONE)

#else

#define KERNEL_CLONES_STORAGE false

/* Entries of each of the maps below, for the daemon: counting them there would copy them all. By enum tcpperf_storage.
 */
COUNTER_ARRAY(storage_entries, TCPPERF_STORAGES);

/* It was freed already, or will be without on_destroy() being called again: nobody would delete what it gets. */
static __always_inline bool socket_is_gone(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_CLOSE &&
	       BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DEAD & 1;
}

/*
 * The address of the listener of which this socket was just copied: of the list of packets that it has sent, which has
 * none, the head points to itself, in the copy to the listener's.
 */
static __always_inline u64 socket_parent(const struct tcp_sock *tp)
{
	return (u64)BPF_CORE_READ(tp, tsorted_sent_queue.next) -
	       bpf_core_field_offset(struct tcp_sock, tsorted_sent_queue);
}

static __always_inline void storage_count(enum tcpperf_storage storage, s64 amount)
{
	count_in(&storage_entries, storage, amount);
}

/*
 * Not preallocated: an entry that is deleted stays as it is until no program can have a pointer to it any more. Bounded
 * by TCPPERF_STORAGE_ENTRIES; an entry that finds no room counts as lost.
 */
#define SOCKET_STORAGE(name, value_type, storage)                                                                      \
	struct {                                                                                                       \
		__uint(type, BPF_MAP_TYPE_HASH);                                                                       \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                                                  \
		__uint(max_entries, TCPPERF_STORAGE_ENTRIES);                                                          \
		__type(key, u64);                                                                                      \
		__type(value, value_type);                                                                             \
	} name SEC(".maps");                                                                                           \
	static const value_type name##_zeros;                                                                          \
	static __always_inline value_type *name##_find(struct sock *sk)                                                \
	{                                                                                                              \
		u64 address = (u64)sk;                                                                                 \
                                                                                                                       \
		return bpf_map_lookup_elem(&name, &address);                                                           \
	}                                                                                                              \
	static __always_inline value_type *name##_create(struct sock *sk)                                              \
	{                                                                                                              \
		u64 address = (u64)sk;                                                                                 \
		value_type *found = bpf_map_lookup_elem(&name, &address);                                              \
                                                                                                                       \
		if (found)                                                                                             \
			return found;                                                                                  \
		if (socket_is_gone(sk) || bpf_map_update_elem(&name, &address, &name##_zeros, BPF_NOEXIST))            \
			return NULL;                                                                                   \
		storage_count(storage, 1);                                                                             \
		return bpf_map_lookup_elem(&name, &address);                                                           \
	}                                                                                                              \
	static __always_inline bool name##_inherit(struct sock *child, const struct tcp_sock *tp)                      \
	{                                                                                                              \
		u64 address = (u64)child;                                                                              \
		u64 parent = socket_parent(tp);                                                                        \
		value_type *of_parent = bpf_map_lookup_elem(&name, &parent);                                           \
                                                                                                                       \
		if (!of_parent || parent == address)                                                                   \
			return true;                                                                                   \
		if (bpf_map_update_elem(&name, &address, of_parent, BPF_NOEXIST))                                      \
			return false;                                                                                  \
		storage_count(storage, 1);                                                                             \
		return true;                                                                                           \
	}                                                                                                              \
	static __always_inline void name##_delete(struct sock *sk)                                                     \
	{                                                                                                              \
		u64 address = (u64)sk;                                                                                 \
                                                                                                                       \
		if (bpf_map_delete_elem(&name, &address) == 0)                                                         \
			storage_count(storage, -1);                                                                    \
	}

#define SOCKET_STORAGE_INHERITED(name, value_type, storage) SOCKET_STORAGE(name, value_type, storage)

#endif

#endif
