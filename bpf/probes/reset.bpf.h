/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* reset: who breaks off connections, and why? Resets sent (with the kernel's reason) and received. */
#ifndef TCPPERF_PROBES_RESET_H
#define TCPPERF_PROBES_RESET_H

#include "lib/flow.bpf.h"

const volatile bool cfg_reset;
PROBE_GROUPS(reset);
/* tcp_send_reset has a reason argument (6.10). */
const volatile bool kernel_reset_reason;

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(reset_count, TCPPERF_RESET_COUNTERS);

/*
 * `skb` is the packet that is answered, NULL when we reset on our own; `sk` may be NULL when there is a packet. `flow`:
 * of the socket, NULL when there is none that is known; then the ends of the connection must do.
 */
static __always_inline void reset_on_send(const struct flow *flow, const struct sock *sk, const struct sk_buff *skb,
					  u32 reason)
{
	struct endpoints ends = {};

	if (!cfg_reset)
		return;
	if (reason >= TCPPERF_RESET_REASONS)
		reason = TCPPERF_RESET_OTHER;
	if (flow && flow->verdict == VERDICT_MEASURE && flow->grouped) {
		count_in(&reset_count, FLOW_CELL(flow, reset, TCPPERF_RESET_COUNTERS, reason), 1);
		return;
	}
	if (filter_active() || cfg_reset_groups) {
		if (skb)
			endpoints_of_packet(skb, &ends);
		else if (sk)
			endpoints_of_socket(sk, &ends);
	}
	if (filter_active() && filter_judge(&ends) != VERDICT_MEASURE)
		return;
	count_in(&reset_count, ENDS_CELL(&ends, reset, TCPPERF_RESET_COUNTERS, reason), 1);
}

static __always_inline void reset_on_receive(const struct flow *flow)
{
	if (cfg_reset)
		count_in(&reset_count, FLOW_CELL(flow, reset, TCPPERF_RESET_COUNTERS, TCPPERF_RESET_RECEIVED), 1);
}

#endif
