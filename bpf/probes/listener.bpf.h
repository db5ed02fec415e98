/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * listener: do those who listen keep up with those who connect?
 *
 * A listener is looked at when the sockets are sampled. In between, a new connection is a copy of its listener and has
 * the length of the queue that it found: so no queue is longer unseen than until its next connection. In groupings of
 * listeners, a connection is in the group of its listener.
 */
#ifndef TCPPERF_PROBES_LISTENER_H
#define TCPPERF_PROBES_LISTENER_H

#include "lib/flow.bpf.h"

const volatile bool cfg_listener;
PROBE_GROUPS(listener);

/* A listener that sent SYN cookies within this time counts as one that does. */
#define LISTENER_COOKIES_NS 10000000000ULL

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(listener_drops, 1);
COUNTER_ARRAY(listener_high, 1);
HISTOGRAM_ARRAY(listener_wait, 1);
/* Counted anew by each sampling. */
COUNTER_ARRAY(listener_now, TCPPERF_LISTENER_COUNTERS);
COUNTER_ARRAY(listener_worst, TCPPERF_LISTENER_WORST);

static __always_inline void listener_count(const struct flow *flow, enum tcpperf_listener what, u64 amount)
{
	count_in(&listener_now, FLOW_CELL(flow, listener, TCPPERF_LISTENER_COUNTERS, what), amount);
}

static __always_inline void listener_worst_of(const struct flow *flow, enum tcpperf_listener_worst what, u64 value)
{
	if (!raise_in(&listener_worst, FLOW_CELL(flow, listener, TCPPERF_LISTENER_WORST, what), value))
		lost(TCPPERF_LOST_HIGHEST);
}

static __always_inline void listener_queue_was(const struct flow *flow, u32 connections)
{
	if (!raise_in(&listener_high, FLOW_CELL(flow, listener, 1, 0), connections))
		lost(TCPPERF_LOST_HIGHEST);
}

static __always_inline void listener_count_drops(struct flow *flow, const struct sock *sk)
{
	count_in(&listener_drops, FLOW_CELL(flow, listener, 1, 0), advance32(&flow->drops, sk->sk_drops.counter));
}

static __always_inline void listener_on_state(struct flow *flow, const struct sock *sk, int from, int to)
{
	if (!cfg_listener || flow->verdict != VERDICT_MEASURE)
		return;
	if (from == TCP_LISTEN && to == TCP_CLOSE)
		listener_count_drops(flow, sk);
	/* Only one that was put into the queue gets so far; its copy of the listener's count lacks itself. */
	if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED && flow->role == TCPPERF_ROLE_SERVER)
		listener_queue_was(flow, sk->sk_ack_backlog + 1);
}

/* `wait_ns`: 0 when it was not accepted just now. */
static __always_inline void listener_on_accepted(const struct flow *flow, u64 wait_ns, u32 weight)
{
	if (cfg_listener && wait_ns)
		observe_times_in(&listener_wait, FLOW_CELL(flow, listener, 1, 0), tcpperf_time_from_ns(wait_ns),
				 weight);
}

/* Whether the listener, or one that shares its address and port, had to send SYN cookies lately. */
static __always_inline bool listener_sends_cookies(const struct sock *sk, const struct tcp_sock *tp)
{
	struct sock_reuseport *shared = sk->sk_reuseport_cb;
	u32 last = shared ? BPF_CORE_READ(shared, synq_overflow_ts) : tp->rx_opt.ts_recent_stamp;

	return last && (u32)bpf_jiffies64() - last <= LISTENER_COOKIES_NS / kernel_jiffy_ns;
}

static __always_inline void listener_on_sample(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp)
{
	u64 waits_ns;
	u32 queued, limit;

	if (!cfg_listener)
		return;
	if (flow->unaccepted) {
		waits_ns = bpf_ktime_get_ns() - flow->began_ns;
		listener_worst_of(flow, TCPPERF_LISTENER_OLDEST, waits_ns);
		return;
	}
	if (!flow->listens || sk->__sk_common.skc_state != TCP_LISTEN)
		return;
	queued = sk->sk_ack_backlog;
	limit = sk->sk_max_ack_backlog;
	listener_count_drops(flow, sk);
	listener_queue_was(flow, queued);
	listener_count(flow, TCPPERF_LISTENER_QUEUED, queued);
	listener_count(flow, TCPPERF_LISTENER_LIMIT, limit);
	listener_count(flow, TCPPERF_LISTENER_SYNS, tp->inet_conn.icsk_accept_queue.qlen.counter);
	listener_count(flow, TCPPERF_LISTENER_SOCKETS, 1);
	listener_count(flow, TCPPERF_LISTENER_COOKIES, listener_sends_cookies(sk, tp));
	/* The kernel takes one more than the limit. */
	if (limit != ~0U)
		listener_worst_of(flow, TCPPERF_LISTENER_USED, tcpperf_ratio(queued, limit + 1));
}

#endif
