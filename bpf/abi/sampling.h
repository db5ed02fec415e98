/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which connections the programs look at that run per segment or per call. Written by the daemon while they run. */
#ifndef TCPPERF_ABI_SAMPLING_H
#define TCPPERF_ABI_SAMPLING_H

#include "types.h"

/*
 * At level n one connection of 2^n is looked at; at TCPPERF_SAMPLING_NONE none.
 *
 * `live_sampling` is one word, so that no program sees a part of it without the others: from its lowest bit on 16 bits
 * for the level, 16 for how many connections each one stands for (0 at TCPPERF_SAMPLING_NONE), and 32 that change when
 * connections come back in.
 */
#define TCPPERF_SAMPLING_LEAST 6
#define TCPPERF_SAMPLING_NONE 7

static TCPPERF_INLINE tcpperf_u64 tcpperf_sampling_word(tcpperf_u32 level, tcpperf_u32 epoch)
{
	tcpperf_u64 weight = level >= TCPPERF_SAMPLING_NONE ? 0 : 1U << level;

	return (tcpperf_u64)epoch << 32 | weight << 16 | level;
}

#endif
