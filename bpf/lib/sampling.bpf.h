/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Under a CPU budget, what runs per segment or per call looks at a part of the connections alone, and what it counts of
 * these it counts as often as there are connections for each of them. A connection is looked at whole or not at all,
 * and the connections of a level are among those of every level above.
 *
 * The decision comes before all else, so that a connection that is left out costs next to nothing.
 */
#ifndef TCPPERF_LIB_SAMPLING_H
#define TCPPERF_LIB_SAMPLING_H

#include "abi/sampling.h"

volatile u64 live_sampling;

static __always_inline u32 sampling_epoch(void)
{
	return live_sampling >> 32;
}

/*
 * The kernel's hash of a connection's ends has a secret in it, so no peer chooses its place. Not as it is: since Linux
 * 6.15 it is a sum with the local port, and the ports of one destination's connections may all be even. 0 at `level`:
 * the connection is in.
 */
static __always_inline u32 sampling_place(u32 hash, u32 level)
{
	hash *= 0x9e3779b1;
	hash ^= hash >> 15;
	hash *= 0x85ebca6b;
	return (u64)hash >> (32 - level);
}

/*
 * For how many connections this one stands: 0 when it is left out. Of a socket that is or was ESTABLISHED. For hooks
 * that are made for each segment or call: nearly nothing while all are looked at.
 */
static __always_inline u32 sampling_weight_on_hot_path(const struct sock *sk)
{
	u32 word = live_sampling;
	u32 level = word & 0xffff;

	if (level && (level == TCPPERF_SAMPLING_NONE || sampling_place(sk->__sk_common.skc_hash, level)))
		return 0;
	return word >> 16;
}

/*
 * The same for hooks that run for every connection. Without a branch, after which the verifier would go through the
 * rest of a large program once for each case.
 */
static __always_inline u32 sampling_weight(const struct sock *sk)
{
	u32 word = live_sampling;
	u64 place = sampling_place(sk->__sk_common.skc_hash, word & 0xffff);
	u64 out = -place;

	barrier_var(out); /* keeps the compiler from finding a condition */
	return (word >> 16) & ((out >> 63) - 1);
}

/*
 * For what is found out once per connection, whenever that is: leaves out a part of the calls, in each jiffy those of
 * other connections.
 */
static __always_inline bool sampling_passes_over(const struct sock *sk)
{
	u32 level = live_sampling & 0xffff;

	return level && sampling_place(sk->__sk_common.skc_hash + (u32)bpf_jiffies64(), level);
}

#endif
