/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * rtt: how long do segments take to be acknowledged?
 *
 * A sample is one run of the kernel's estimator (tcp_rtt_estimator()), not one packet. The estimator leaves
 * srtt' = srtt - (srtt >> 3) + sample, and runs at most once per segment; we look at every segment, so the sample is
 * recovered exactly from two consecutive values. A receiver of data has no new srtt and adds nothing.
 * Measured while the connection is ESTABLISHED, including the handshake's own sample and the last one before leaving.
 */
#ifndef TCPPERF_PROBES_RTT_H
#define TCPPERF_PROBES_RTT_H

#include "lib/flow.bpf.h"

const volatile bool cfg_rtt;
PROBE_GROUPS(rtt);
/* Least time between two recorded samples of a connection; 0 records all. */
const volatile u64 cfg_rtt_interval_ns;

/* Written by every CPU, atomically; fixed size; never deleted. */
HISTOGRAM_ARRAY(rtt_hist, 1);
HISTOGRAM_ARRAY(rtt_smoothed, 1);
HISTOGRAM_ARRAY(rtt_variation, 1);

static __always_inline void rtt_take_sample(struct flow *flow, const struct tcp_sock *tp, u32 weight)
{
	u32 srtt = tp->srtt_us;
	u32 mdev = tp->mdev_us;
	u32 before = flow->srtt_us8;
	s64 sample_us;
	u32 cell;

	if (srtt == 0) {
		/* No sample yet; tcp_init_metrics() sets mdev without one. */
		flow->mdev_us4 = mdev;
		return;
	}
	if (srtt == before && mdev == flow->mdev_us4) {
		/*
		 * A sample equal to the mean leaves srtt alone, but takes a quarter off mdev, unless mdev is
		 * below 4: only then does the count of delivered packets have to tell.
		 */
		if (mdev >= 4 || tp->delivered == flow->delivered)
			return;
	}
	sample_us = before ? (s64)srtt - before + (before >> 3) : srtt >> 3;
	flow->srtt_us8 = srtt;
	flow->mdev_us4 = mdev;
	flow->delivered = tp->delivered;
	if (sample_us < 0) {
		/* Of one that is left out every event is missed. */
		if (weight)
			lost(TCPPERF_LOST_RTT_SAMPLE);
		return;
	}
	if (cfg_rtt_interval_ns) {
		if (flow->rtt_observed_us && (tp->tcp_mstamp - flow->rtt_observed_us) * 1000 < cfg_rtt_interval_ns)
			return;
		flow->rtt_observed_us = tp->tcp_mstamp;
	}
	cell = FLOW_CELL(flow, rtt, 1, 0);
	observe_times_in(&rtt_hist, cell, tcpperf_time_from_us(sample_us), weight);
	observe_times_in(&rtt_smoothed, cell, tcpperf_time_from_us(srtt >> 3), weight);
	observe_times_in(&rtt_variation, cell, tcpperf_time_from_us(mdev >> 2), weight);
}

static __always_inline void rtt_on_ack(struct flow *flow, const struct tcp_sock *tp, u32 weight)
{
	if (cfg_rtt)
		rtt_take_sample(flow, tp, weight);
}

/* The samples that no later segment would show: of the handshake, and the last one. */
static __always_inline void rtt_on_state(struct flow *flow, const struct tcp_sock *tp, int from, int to, u32 weight)
{
	if (cfg_rtt && (from == TCP_ESTABLISHED || to == TCP_ESTABLISHED))
		rtt_take_sample(flow, tp, weight);
}

#endif
