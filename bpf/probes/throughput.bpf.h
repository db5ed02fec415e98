/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * throughput: how much is transferred?
 *
 * Nothing is counted per packet: the socket has counted already. What its counters gained is taken at every reading and
 * when the connection ends.
 */
#ifndef TCPPERF_PROBES_THROUGHPUT_H
#define TCPPERF_PROBES_THROUGHPUT_H

#include "lib/flow.bpf.h"

const volatile bool cfg_throughput;
PROBE_GROUPS(throughput);

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(payload_bytes, TCPPERF_THROUGHPUT_COUNTERS);

static __always_inline void throughput_add(const struct flow *flow, enum tcpperf_throughput what, u64 bytes)
{
	count_in(&payload_bytes, FLOW_CELL(flow, throughput, TCPPERF_THROUGHPUT_COUNTERS, what), bytes);
}

static __always_inline void throughput_advance(struct flow *flow, const struct payload *now)
{
	throughput_add(flow, TCPPERF_THROUGHPUT_SENT, advance64(&flow->payload.sent, now->sent));
	throughput_add(flow, TCPPERF_THROUGHPUT_ACKED, advance64(&flow->payload.acked, now->acked));
	throughput_add(flow, TCPPERF_THROUGHPUT_RESENT, advance64(&flow->payload.resent, now->resent));
	throughput_add(flow, TCPPERF_THROUGHPUT_RECEIVED, advance64(&flow->payload.received, now->received));
}

/* Under the socket's lock. */
static __always_inline void throughput_count(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp)
{
	struct payload now;

	if (!cfg_throughput)
		return;
	payload_of(sk, tp, flow->role, &now);
	throughput_advance(flow, &now);
}

static __always_inline void throughput_on_sample(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp)
{
	struct payload now;
	bool marked;

	if (!cfg_throughput)
		return;
	marked = sk->__sk_common.skc_flags >> SOCK_DONE & 1;
	barrier();
	payload_of(sk, tp, flow->role, &now);
	/* The newest byte may be a FIN that is not marked yet, if a segment is being processed just now. */
	if (!marked && bpf_ktime_get_ns() / 1000 - tp->tcp_mstamp < 1000)
		now.received = less(now.received, 1);
	throughput_advance(flow, &now);
}

#endif
