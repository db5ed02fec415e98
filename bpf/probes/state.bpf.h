/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
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
	count_in(&state_count, FLOW_CELL(flow, state, TCPPERF_STATES * TCPPERF_STATES, from * TCPPERF_STATES + to), 1);
}

static __always_inline void state_on_state(struct flow *flow, int from, int to, u64 now_ns)
{
	u64 entered_ns = flow->state_entered_ns;

	if (!cfg_state || (u32)from >= TCPPERF_STATES || (u32)to >= TCPPERF_STATES)
		return;
	/* close() after shutdown() sets the state that there is already: the stay goes on. */
	if (from == to)
		return;
	/* CLOSE is not a state of a connection: no time runs there. */
	flow->state_entered_ns = to == TCP_CLOSE ? 0 : now_ns;
	/* Counted with the next change, when it is known to whom the connection belongs. */
	if (!flow_is_settled(flow, to)) {
		flow->deferred = to;
		return;
	}
	if (flow->deferred) {
		state_count_change(flow, flow->deferred == TCP_SYN_SENT ? TCP_CLOSE : TCP_LISTEN, flow->deferred);
		flow->deferred = 0;
	}
	state_count_change(flow, from, to);
	if (entered_ns)
		observe_in(&state_hist, FLOW_CELL(flow, state, TCPPERF_STATES, from),
			   tcpperf_time_from_ns(now_ns - entered_ns));
}

#endif
