/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * life: how long do connections last, and how much do they carry?
 *
 * One observation per connection, when its socket goes to CLOSE. TIME_WAIT is not part of it: the kernel closes the
 * socket and keeps a small one of another kind. An attempt that never was ESTABLISHED is no connection.
 */
#ifndef TCPPERF_PROBES_LIFE_H
#define TCPPERF_PROBES_LIFE_H

#include "lib/flow.bpf.h"

const volatile bool cfg_life;
PROBE_GROUPS(life);

/* Written by every CPU, atomically; fixed size; never deleted. */
HISTOGRAM_ARRAY(life_duration, TCPPERF_BEGAN_KINDS);
HISTOGRAM_ARRAY(life_sent, 1);
HISTOGRAM_ARRAY(life_received, 1);
/* Counted anew by each sampling. */
COUNTER_ARRAY(life_open, 1);

static __always_inline void life_on_close(const struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
					  u64 now_ns)
{
	struct payload payload;
	u32 cell;

	if (!cfg_life || !flow->established)
		return;
	payload_of(sk, tp, flow->role, &payload);
	cell = FLOW_CELL(flow, life, TCPPERF_BEGAN_KINDS, flow->older ? TCPPERF_BEGAN_BEFORE : TCPPERF_BEGAN_SEEN);
	observe_in(&life_duration, cell, tcpperf_time_from_ns(now_ns - flow->began_ns));
	cell = FLOW_CELL(flow, life, 1, 0);
	observe_in(&life_sent, cell, payload.sent);
	observe_in(&life_received, cell, payload.received);
}

static __always_inline void life_on_sample(const struct flow *flow, const struct sock *sk)
{
	if (cfg_life && state_is_open(sk->__sk_common.skc_state))
		count_in(&life_open, FLOW_CELL(flow, life, 1, 0), 1);
}

#endif
