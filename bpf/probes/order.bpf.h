/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * order: are segments reordered, duplicated or marked on their way?
 *
 * Nothing is counted per packet: the socket has counted already. What its counters gained is taken at every reading and
 * when the connection ends.
 */
#ifndef TCPPERF_PROBES_ORDER_H
#define TCPPERF_PROBES_ORDER_H

#include "lib/flow.bpf.h"

const volatile bool cfg_order;
PROBE_GROUPS(order);

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(order_counts, TCPPERF_ORDER_COUNTERS);

static __always_inline void order_add(const struct flow *flow, enum tcpperf_order what, u32 amount)
{
	count_in(&order_counts, FLOW_CELL(flow, order, TCPPERF_ORDER_COUNTERS, what), amount);
}

static __always_inline void order_count(struct flow *flow, const struct tcp_sock *tp)
{
	struct order now;

	if (!cfg_order)
		return;
	order_of(tp, &now);
	order_add(flow, TCPPERF_ORDER_REORDERINGS, advance32(&flow->order.reordering_events, now.reordering_events));
	order_add(flow, TCPPERF_ORDER_DSACK_DUPLICATES, advance32(&flow->order.dsack_duplicates, now.dsack_duplicates));
	order_add(flow, TCPPERF_ORDER_OUT_OF_ORDER, advance32(&flow->order.out_of_order, now.out_of_order));
	order_add(flow, TCPPERF_ORDER_RECEIVED, advance32(&flow->order.received, now.received));
	order_add(flow, TCPPERF_ORDER_DELIVERED_CE, advance32(&flow->order.delivered_ce, now.delivered_ce));
	order_add(flow, TCPPERF_ORDER_RECEIVED_CE, advance32(&flow->order.received_ce, now.received_ce));
}

/* The answer to the SYN is known when the handshake is complete. */
static __always_inline void order_on_state(const struct flow *flow, const struct tcp_sock *tp, int to)
{
	u8 ecn;

	if (!cfg_order || to != TCP_ESTABLISHED || flow->verdict != VERDICT_MEASURE)
		return;
	ecn = tp->ecn_flags;
	order_add(flow,
		  ecn & TCP_ECN_ACCECN ? TCPPERF_ORDER_ECN_ACCECN
		  : ecn & TCP_ECN_OK   ? TCPPERF_ORDER_ECN_RFC3168
				       : TCPPERF_ORDER_ECN_DISABLED,
		  1);
}

#endif
