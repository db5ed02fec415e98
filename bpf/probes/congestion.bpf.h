/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * congestion: in which states is congestion control, and for how long?
 *
 * A connection's time runs from ESTABLISHED (or first sight) to CLOSE and always belongs to one state, so the sum over
 * the states is the connection's life. Until when it is counted, and the state since then, are one word: whoever moves
 * it has taken that time, and nobody can take it for another state.
 */
#ifndef TCPPERF_PROBES_CONGESTION_H
#define TCPPERF_PROBES_CONGESTION_H

#include "lib/flow.bpf.h"

const volatile bool cfg_congestion;
PROBE_GROUPS(congestion);

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(cong_count, TCPPERF_CONGESTION_COUNTERS);
HISTOGRAM_ARRAY(cong_dwell, TCPPERF_CONGESTION_STATES);

/*
 * How old the word must be before the sampling believes a state that differs: between the event of a change and the
 * change itself, both under the socket's lock, they differ too.
 */
#define CONGESTION_SETTLED_NS 1000000000

static __always_inline void congestion_count(const struct flow *flow, u32 cell, u64 amount)
{
	count_in(&cong_count, FLOW_CELL(flow, congestion, TCPPERF_CONGESTION_COUNTERS, cell), amount);
}

static __always_inline void congestion_observe(struct flow *flow, u32 state, u64 now_ns)
{
	bool known = flow->cong_entered_ns;
	u64 dwell_ns = advance64(&flow->cong_entered_ns, now_ns);

	if (known && dwell_ns)
		observe_in(&cong_dwell, FLOW_CELL(flow, congestion, TCPPERF_CONGESTION_STATES, state),
			   tcpperf_time_from_ns(dwell_ns));
}

/*
 * The time since `before` is counted to the state it was in, unless somebody else has done so. `after`: the word from
 * now on, 0 at the end.
 */
static __always_inline bool congestion_take(struct flow *flow, u64 before, u64 now_ns, u64 after)
{
	u32 from = flow_congestion_state(before);
	u64 gained_ns = now_ns - flow_congestion_since(before);

	if (!swap64(&flow->congestion, before, after))
		return false;
	/* The sampling may have read its clock later than we did. */
	if (from < TCPPERF_CONGESTION_STATES && (s64)gained_ns > 0)
		congestion_count(flow, from, gained_ns);
	return true;
}

static __always_inline bool congestion_change(struct flow *flow, u64 before, u64 now_ns, u32 to)
{
	u32 from = flow_congestion_state(before);

	if (from >= TCPPERF_CONGESTION_STATES || to >= TCPPERF_CONGESTION_STATES)
		return true;
	if (!congestion_take(flow, before, now_ns, flow_congestion(now_ns, to)))
		return false;
	congestion_count(flow, TCPPERF_CONGESTION_CHANGE + from * TCPPERF_CONGESTION_STATES + to, 1);
	congestion_observe(flow, from, now_ns);
	return true;
}

/* Under the socket's lock. Not inlined: changes are rare. */
static __noinline int congestion_enter(struct flow *flow, u32 to)
{
	u64 now_ns = bpf_ktime_get_ns();

	if (!flow)
		return 0;
	/* The sampling may be faster once; it does not come twice meanwhile. */
	for (u32 i = 0; i < 2; i++) {
		u64 before = *(volatile u64 *)&flow->congestion;

		if (!before || flow_congestion_state(before) == to || congestion_change(flow, before, now_ns, to))
			break;
	}
	return 0;
}

static __always_inline void congestion_on_congestion(struct flow *flow, u8 to)
{
	if (cfg_congestion)
		congestion_enter(flow, to);
}

/* A change whose event was not seen. */
static __always_inline void congestion_on_look(struct flow *flow, const struct tcp_sock *tp)
{
	u32 state;

	if (!cfg_congestion)
		return;
	state = congestion_state_of(tp);
	if (flow_congestion_state(flow->congestion) != state)
		congestion_enter(flow, state);
}

static __always_inline void congestion_on_sample(struct flow *flow, const struct tcp_sock *tp)
{
	u64 before, now_ns;
	u32 state;

	if (!cfg_congestion)
		return;
	before = *(volatile u64 *)&flow->congestion;
	barrier();
	state = congestion_state_of(tp);
	now_ns = bpf_ktime_get_ns();
	if (!before)
		return;
	if (state == flow_congestion_state(before))
		congestion_take(flow, before, now_ns, flow_congestion(now_ns, state));
	else if ((s64)(now_ns - flow_congestion_since(before)) > CONGESTION_SETTLED_NS)
		congestion_change(flow, before, now_ns, state);
}

static __always_inline void congestion_on_close(struct flow *flow, u64 now_ns)
{
	if (!cfg_congestion)
		return;
	for (u32 i = 0; i < 2; i++) {
		u64 before = *(volatile u64 *)&flow->congestion;
		u32 state = flow_congestion_state(before);

		if (!before || state >= TCPPERF_CONGESTION_STATES)
			return;
		if (congestion_take(flow, before, now_ns, 0)) {
			congestion_observe(flow, state, now_ns);
			return;
		}
	}
}

static __always_inline void congestion_on_state(struct flow *flow, const struct tcp_sock *tp, int to, u64 now_ns)
{
	if (!cfg_congestion || flow->verdict != VERDICT_MEASURE)
		return;
	/* Not only ESTABLISHED: a connection by fast open may be closed before its handshake is complete. */
	if (state_is_open(to) && !flow->congestion) {
		flow->congestion = flow_congestion(now_ns, congestion_state_of(tp));
		flow->cong_entered_ns = now_ns;
		return;
	}
	congestion_on_look(flow, tp);
	if (to == TCP_CLOSE)
		congestion_on_close(flow, now_ns);
}

#endif
