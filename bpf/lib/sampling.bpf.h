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

/* Of `live_sampling`. */
static __always_inline u32 sampling_level(void)
{
	return live_sampling;
}

static __always_inline u32 sampling_epoch(void)
{
	return live_sampling >> 32;
}

/*
 * The kernel's hash of a connection's ends has a secret in it, so no peer chooses its place. Not as it is: since Linux
 * 6.15 it is a sum with the local port, and the ports of one destination's connections may all be even.
 */
static __always_inline bool sampling_hits(u32 hash, u32 level)
{
	hash *= 0x9e3779b1;
	hash ^= hash >> 15;
	hash *= 0x85ebca6b;
	return hash >> (32 - level) == 0;
}

/* For how many connections this one stands: 0 when it is left out. Of a socket that is or was ESTABLISHED. */
static __always_inline u32 sampling_weight(const struct sock *sk)
{
	u32 level = sampling_level();

	if (!level)
		return 1;
	if (level > TCPPERF_SAMPLING_LEAST || !sampling_hits(sk->__sk_common.skc_hash, level))
		return 0;
	return 1 << level;
}

/*
 * For what is found out once per connection, whenever that is: leaves out a part of the calls, in each jiffy those of
 * other connections.
 */
static __always_inline bool sampling_passes_over(const struct sock *sk)
{
	u32 level = sampling_level();

	if (!level)
		return false;
	if (level > TCPPERF_SAMPLING_LEAST)
		level = TCPPERF_SAMPLING_LEAST;
	return !sampling_hits(sk->__sk_common.skc_hash + (u32)bpf_jiffies64(), level);
}

#endif
