/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * window: how large are the windows, and how much of them is used?
 *
 * States, not events: read when a segment arrives, before it is processed (rx), or when one is sent, before it counts
 * as in flight (tx). At most once per interval and connection, so that busy connections do not drown the others. Only
 * while the connection is ESTABLISHED, so that both perspectives see the same connections.
 */
#ifndef TCPPERF_PROBES_WINDOW_H
#define TCPPERF_PROBES_WINDOW_H

#include "lib/flow.bpf.h"

const volatile bool cfg_window;
PROBE_GROUPS(window);
/* Least time between two samples of a connection from one perspective; 0 takes all. */
const volatile u64 cfg_window_interval_ns = 1000000000;
/* TCPPERF_WINDOW_RX, TCPPERF_WINDOW_TX or both. */
const volatile u64 cfg_window_perspective = TCPPERF_WINDOW_RX;

/* A rate counts for the bandwidth-delay product for one to two of these. */
#define WINDOW_RATE_HALF_US 5000000

/* Written by every CPU, atomically; fixed size; never deleted. */
HISTOGRAM_ARRAY(window_hist, TCPPERF_WINDOW_HISTOGRAMS);
COUNTER_ARRAY(window_sent, 1);

/* Not inlined: a sample is rare, and takes many of these. */
static __noinline int window_observe(u32 cell, u64 value, u32 weight)
{
	observe_times_in(&window_hist, cell, value, weight);
	return 0;
}

/* The greatest rate seen lately, `rate` included (0 = none now). */
static __always_inline u64 window_max_rate(struct flow *flow, u64 now_us, u64 rate)
{
	u64 age_us = now_us - flow->rate_half_us;

	if (age_us >= WINDOW_RATE_HALF_US) {
		flow->rate_max[1] = age_us < 2 * WINDOW_RATE_HALF_US ? flow->rate_max[0] : 0;
		flow->rate_max[0] = 0;
		flow->rate_half_us = now_us;
	}
	if (rate > flow->rate_max[0])
		flow->rate_max[0] = rate;
	return flow->rate_max[0] > flow->rate_max[1] ? flow->rate_max[0] : flow->rate_max[1];
}

/* A rate that the kernel has not renewed since the last sample is not observed again. */
static __always_inline void window_observe_rates(struct flow *flow, const struct tcp_sock *tp, u32 first, u64 now_us,
						 u32 weight)
{
	u64 pacing = ((const struct sock *)tp)->sk_pacing_rate;
	bool app_limited = BPF_CORE_READ_BITFIELD(tp, rate_app_limited);
	u64 sample = flow_rate_sample(tp);
	u32 interval_us = tp->rate_interval_us;
	u32 min_rtt_us = tp->rtt_min.s[0].v;
	u64 rate = 0, max_rate;

	if (pacing != PACING_UNLIMITED)
		window_observe(first + TCPPERF_WINDOW_PACING, pacing, weight);
	if (min_rtt_us != MIN_RTT_UNKNOWN)
		window_observe(first + TCPPERF_WINDOW_MIN_RTT, tcpperf_time_from_us(min_rtt_us), weight);
	if (sample != flow->rate_sample && interval_us) {
		rate = (u64)tp->rate_delivered * tp->mss_cache * 1000000 / interval_us;
		window_observe(first + (app_limited ? TCPPERF_WINDOW_RATE_APP_LIMITED : TCPPERF_WINDOW_RATE), rate,
			       weight);
	}
	flow->rate_sample = sample;
	max_rate = window_max_rate(flow, now_us, app_limited ? 0 : rate);
	if (max_rate && min_rtt_us != MIN_RTT_UNKNOWN)
		window_observe(first + TCPPERF_WINDOW_BDP, max_rate * min_rtt_us / 1000000, weight);
}

/* What is read once per connection and interval, whichever the perspectives. */
static __always_inline void window_observe_shared(struct flow *flow, const struct tcp_sock *tp, u32 first, u64 now_us,
						  u32 inflight, u32 weight)
{
	if (tp->snd_ssthresh < SSTHRESH_INFINITE)
		window_observe(first + TCPPERF_WINDOW_SSTHRESH, tp->snd_ssthresh, weight);
	window_observe(first + TCPPERF_WINDOW_SEND, tp->snd_wnd, weight);
	window_observe(first + TCPPERF_WINDOW_RECEIVE, tp->rcv_wnd, weight);
	if (tp->snd_cwnd)
		window_observe(first + TCPPERF_WINDOW_USED_CONGESTION, tcpperf_ratio(inflight, tp->snd_cwnd), weight);
	if (tp->snd_wnd)
		window_observe(first + TCPPERF_WINDOW_USED_SEND, tcpperf_ratio(tp->snd_nxt - tp->snd_una, tp->snd_wnd),
			       weight);
	window_observe_rates(flow, tp, first, now_us, weight);
}

static __noinline int window_sample(struct flow *flow, const struct tcp_sock *tp, bool tx, u32 weight)
{
	u64 now_us = bpf_ktime_get_ns() / 1000;
	u32 first, inflight;

	if (!flow || !tp)
		return 0;
	flow->window_due_us[tx] = now_us + cfg_window_interval_ns / 1000;
	first = FLOW_CELL(flow, window, TCPPERF_WINDOW_HISTOGRAMS, 0);
	inflight = tp->packets_out - (tp->sacked_out + tp->lost_out) + tp->retrans_out;
	window_observe(first + TCPPERF_WINDOW_CONGESTION + tx, tp->snd_cwnd, weight);
	window_observe(first + TCPPERF_WINDOW_INFLIGHT + tx, inflight, weight);
	if (tp->srtt_us)
		window_observe(first + TCPPERF_WINDOW_RTT + tx, tcpperf_time_from_us(tp->srtt_us >> 3), weight);
	if (!tx || !(cfg_window_perspective & TCPPERF_WINDOW_RX))
		window_observe_shared(flow, tp, first, now_us, inflight, weight);
	return 0;
}

/*
 * tcp_mstamp is when the socket last did something, so it is never ahead of the clock and costs no reading of it. A
 * connection that was idle may be sampled one segment later than it could be.
 */
static __always_inline bool window_due(const struct flow *flow, const struct tcp_sock *tp, bool tx)
{
	return !cfg_window_interval_ns || tp->tcp_mstamp >= flow->window_due_us[tx];
}

static __always_inline void window_on_ack(struct flow *flow, const struct tcp_sock *tp, u32 weight)
{
	if (!cfg_window || !(cfg_window_perspective & TCPPERF_WINDOW_RX))
		return;
	if (window_due(flow, tp, false))
		window_sample(flow, tp, false, weight);
}

/*
 * `segments` of a packet pass IP output. TCP has added the packet to segs_out just before, so no more than that is
 * counted of one that passes again (below some virtual devices) or in parts (behind IPsec).
 */
static __always_inline void window_on_transmit(struct flow *flow, const struct tcp_sock *tp, u32 segments, u32 weight)
{
	if (!cfg_window || !(cfg_window_perspective & TCPPERF_WINDOW_TX))
		return;
	if (tp->segs_out != flow->segs_out) {
		flow->uncounted = tp->segs_out - flow->segs_out;
		flow->segs_out = tp->segs_out;
	}
	if (!flow->uncounted)
		return;
	if (segments > flow->uncounted)
		segments = flow->uncounted;
	flow->uncounted -= segments;
	count_in(&window_sent, FLOW_CELL(flow, window, 1, 0), (u64)segments * weight);
	if (((const struct sock *)tp)->__sk_common.skc_state == TCP_ESTABLISHED && window_due(flow, tp, true))
		window_sample(flow, tp, true, weight);
}

#endif
