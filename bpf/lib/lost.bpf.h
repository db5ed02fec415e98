/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* What we failed to measure. No loss is silent: each is counted here and exported. */
#ifndef TCPPERF_LIB_LOST_H
#define TCPPERF_LIB_LOST_H

#include "abi/counters.h"
#include "lib/maps.bpf.h"

COUNTER_ARRAY(lost_updates, TCPPERF_LOST_REASONS);

static __always_inline void lost(enum tcpperf_lost reason)
{
	count_in(&lost_updates, reason, 1);
}

#endif
