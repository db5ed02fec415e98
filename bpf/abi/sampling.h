/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which connections the programs look at that run per segment or per call. Written by the daemon while they run. */
#ifndef TCPPERF_ABI_SAMPLING_H
#define TCPPERF_ABI_SAMPLING_H

#include "types.h"

/*
 * `live_sampling`: a level in the lower half; in the upper half what changes when connections come back in. One word,
 * so that no program sees the one without the other.
 *
 * At level n one connection of 2^n is looked at; at TCPPERF_SAMPLING_NONE none.
 */
#define TCPPERF_SAMPLING_LEAST 6
#define TCPPERF_SAMPLING_NONE 7

#endif
