/* SPDX-License-Identifier: GPL-2.0 */
/*
 * state: which states do connections pass through, and how long do they stay?
 *
 * The kernel shows neither TIME_WAIT nor NEW_SYN_RECV here (small sockets of their own): a connection that goes to
 * TIME_WAIT is seen going to CLOSE, and a passive one begins in SYN_RECV when the handshake is complete.
 */
#ifndef TCPPERF_PROBES_STATE_H
#define TCPPERF_PROBES_STATE_H

#include "lib/flow.bpf.h"

const volatile bool cfg_state;
PROBE_GROUPS(state);

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(state_count, TCPPERF_STATES *TCPPERF_STATES);
HISTOGRAM_ARRAY(state_hist, TCPPERF_STATES);

static __always_inline void state_count_change(const struct flow *flow, int from, int to)
{
	count_in(&state_count,
		 FLOW_CELL(flow, state, TCPPERF_STATES * TCPPERF_STATES, from * TCPPERF_STATES + to), 1);
}

static __always_inline void state_on_state(struct flow *flow, int from, int to, u64 now_ns)
{
	u64 entered_ns = flow->state_entered_ns;

	if (!cfg_state || (u32)from >= TCPPERF_STATES || (u32)to >= TCPPERF_STATES)
		return;
	/* CLOSE is not a state of a connection: no time runs there. */
	flow->state_entered_ns = to == TCP_CLOSE ? 0 : now_ns;
	/* Neither the local port nor the interface of a connecting socket is known yet. */
	if (to == TCP_SYN_SENT && (flow->verdict == VERDICT_UNDECIDED || flow_is_vague())) {
		flow->deferred_syn = 1;
		return;
	}
	if (flow->verdict == VERDICT_UNDECIDED)
		return;
	if (flow->deferred_syn) {
		flow->deferred_syn = 0;
		state_count_change(flow, TCP_CLOSE, TCP_SYN_SENT);
	}
	state_count_change(flow, from, to);
	if (entered_ns)
		observe_in(&state_hist, FLOW_CELL(flow, state, TCPPERF_STATES, from),
			   tcpperf_time_from_ns(now_ns - entered_ns));
}

#endif
