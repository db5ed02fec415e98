/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * stall: where does time go while nothing moves?
 *
 * Beginnings and ends are taken from the kernel's own stamps, in jiffies, wherever there is one. A segment is seen
 * before it is processed, so what it finds is what the one before it has left. Windows are compared at every segment:
 * a window that opened cannot shut again without one. The rest is looked at once per connection and jiffy; two
 * segments with a look between them are of different jiffies, so the one before a look is the last of its jiffy, and
 * the stamp it left is exact to one.
 */
#ifndef TCPPERF_PROBES_STALL_H
#define TCPPERF_PROBES_STALL_H

#include "lib/flow.bpf.h"

const volatile bool cfg_stall;
PROBE_GROUPS(stall);
/* Whether reads are looked at; without, `unread` is not observed. */
const volatile bool cfg_stall_reads;

/* Written by every CPU, atomically; fixed size; never deleted. */
HISTOGRAM_ARRAY(stall_hist, TCPPERF_STALL_CAUSES);
COUNTER_ARRAY(stall_windows, TCPPERF_WINDOW_SIDES);
/* Counted anew by each sampling. */
COUNTER_ARRAY(stall_unread_ns, 1);

/* Not inlined: the end of a stall is rare. */
static __noinline int stall_observe(const struct flow *flow, u32 cause, u64 ns, u32 weight)
{
	if (!flow || cause >= TCPPERF_STALL_CAUSES)
		return 0;
	observe_times_in(&stall_hist, FLOW_CELL(flow, stall, TCPPERF_STALL_CAUSES, cause), tcpperf_time_from_ns(ns),
			 weight);
	return 0;
}

/* What began and ended in the same jiffy was no stall. */
static __always_inline void stall_observe_jiffies(const struct flow *flow, enum tcpperf_stall cause, u32 since,
						  u32 until, u32 weight)
{
	if ((s32)(until - since) > 0)
		stall_observe(flow, cause, (until - since) * kernel_jiffy_ns, weight);
}

static __always_inline bool stall_is(const struct flow *flow, enum tcpperf_stall cause)
{
	return flow->stalled & 1 << cause;
}

static __always_inline void stall_begin(struct flow *flow, enum tcpperf_stall cause, u32 since)
{
	flow->stall_since[cause] = since;
	flow->stalled |= 1 << cause;
}

static __always_inline void stall_end(struct flow *flow, enum tcpperf_stall cause, u32 until, u32 weight)
{
	if (!stall_is(flow, cause))
		return;
	flow->stalled &= ~(1 << cause);
	stall_observe_jiffies(flow, cause, flow->stall_since[cause], until, weight);
}

static __always_inline bool stall_wants_to_send(const struct tcp_sock *tp)
{
	return tp->write_seq != tp->snd_nxt;
}

/* When the socket did something last, in jiffies. */
static __always_inline u32 stall_last_activity(const struct tcp_sock *tp)
{
	u64 ago_us = bpf_ktime_get_ns() / 1000 - tp->tcp_mstamp;

	return (u32)bpf_jiffies64() - (u32)(ago_us * 1000 / kernel_jiffy_ns);
}

static __always_inline void stall_count_shut(const struct flow *flow, enum tcpperf_window_side side, u32 weight)
{
	count_in(&stall_windows, FLOW_CELL(flow, stall, TCPPERF_WINDOW_SIDES, side), weight);
}

/* A window opened or shut. */
static __noinline int stall_windows_change(struct flow *flow, const struct tcp_sock *tp, u32 weight)
{
	u8 now, began;

	if (!flow || !tp)
		return 0;
	now = flow_shut_windows(tp);
	began = now & ~flow->shut;
	flow->shut = now;
	if (began & 1 << TCPPERF_WINDOW_OF_PEER) {
		stall_count_shut(flow, TCPPERF_WINDOW_OF_PEER, weight);
		if (stall_wants_to_send(tp))
			stall_begin(flow, TCPPERF_STALL_ZERO_WINDOW_PEER, tp->rcv_tstamp);
	}
	if (began & 1 << TCPPERF_WINDOW_OWN) {
		stall_count_shut(flow, TCPPERF_WINDOW_OWN, weight);
		stall_begin(flow, TCPPERF_STALL_ZERO_WINDOW_OWN, tp->inet_conn.icsk_ack.lrcvtime);
	}
	if (!(now & 1 << TCPPERF_WINDOW_OF_PEER))
		stall_end(flow, TCPPERF_STALL_ZERO_WINDOW_PEER, tp->rcv_tstamp, weight);
	if (!(now & 1 << TCPPERF_WINDOW_OWN) && stall_is(flow, TCPPERF_STALL_ZERO_WINDOW_OWN))
		stall_end(flow, TCPPERF_STALL_ZERO_WINDOW_OWN, stall_last_activity(tp), weight);
	return 0;
}

/* At every segment. */
static __always_inline void stall_on_ack(struct flow *flow, const struct tcp_sock *tp, u32 weight)
{
	if (cfg_stall && flow_shut_windows(tp) != flow->shut)
		stall_windows_change(flow, tp, weight);
}

/* A write waits for room as long as it found none and none has been written since. */
static __always_inline void stall_look_at_buffer(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
						 u32 now, u32 weight)
{
	u32 written = tp->write_seq;
	bool waits = false;

	if (written == tp->snd_una && !flow->blocked)
		return;
	if (sk->sk_socket)
		waits = sk->sk_socket->flags >> SOCK_NOSPACE & 1;
	if ((!waits && !flow->blocked) || (waits && flow->blocked && flow->blocked_at == written))
		return;
	if (!flow_claim(flow))
		return;
	if (flow->blocked && (!waits || flow->blocked_at != written)) {
		flow->blocked = 0;
		/* Room comes with an ACK. */
		stall_observe_jiffies(flow, TCPPERF_STALL_SEND_BUFFER, flow->stall_since[TCPPERF_STALL_SEND_BUFFER],
				      tp->rcv_tstamp, weight);
	}
	if (waits && !flow->blocked) {
		flow->stall_since[TCPPERF_STALL_SEND_BUFFER] = now;
		flow->blocked_at = written;
		flow->blocked = 1;
	}
	flow_release(flow);
}

/* Bytes that the process has not read yet; the FIN is none. */
static __always_inline u32 stall_unread(const struct sock *sk, const struct tcp_sock *tp)
{
	u32 unread = tp->rcv_nxt - tp->copied_seq;

	return unread ? unread - (sk->__sk_common.skc_flags >> SOCK_DONE & 1) : 0;
}

static __always_inline bool stall_has_read(const struct flow *flow, const struct tcp_sock *tp)
{
	return (s32)(tp->copied_seq - flow->unread_to) >= 0;
}

/* Follows the last byte that has come. */
static __always_inline void stall_look_at_reader(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp)
{
	u32 unread;

	if (stall_is(flow, TCPPERF_STALL_UNREAD)) {
		if (!stall_has_read(flow, tp))
			return;
		flow->stalled &= ~(1 << TCPPERF_STALL_UNREAD); /* nobody saw when */
	}
	unread = stall_unread(sk, tp);
	if (!unread)
		return;
	flow->unread_to = tp->copied_seq + unread;
	stall_begin(flow, TCPPERF_STALL_UNREAD, tp->inet_conn.icsk_ack.lrcvtime);
}

/* Once per connection and jiffy, when a segment arrives. */
static __always_inline void stall_on_look(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
					  u32 weight)
{
	u32 now = bpf_jiffies64();

	if (!cfg_stall)
		return;
	stall_end(flow, TCPPERF_STALL_RTO, now, weight);
	/* Was shut before there was something to send, or before we looked. */
	if (flow->shut) {
		if (flow->shut & 1 << TCPPERF_WINDOW_OF_PEER && !stall_is(flow, TCPPERF_STALL_ZERO_WINDOW_PEER) &&
		    stall_wants_to_send(tp))
			stall_begin(flow, TCPPERF_STALL_ZERO_WINDOW_PEER, now);
		if (flow->shut & 1 << TCPPERF_WINDOW_OWN && !stall_is(flow, TCPPERF_STALL_ZERO_WINDOW_OWN))
			stall_begin(flow, TCPPERF_STALL_ZERO_WINDOW_OWN, now);
	}
	stall_look_at_buffer(flow, sk, tp, now, weight);
	stall_look_at_reader(flow, sk, tp);
}

static __always_inline u32 stall_later(u32 one, u32 other)
{
	return (s32)(one - other) > 0 ? one : other;
}

/*
 * The last sign of life before a retransmission timeout: what came last or, when nothing was in flight then, the
 * sending. The latter is when the send queue ceased to be empty, or when the timer was set: a loss probe sets
 * the timer anew, and what limits the sending sets the chronograph anew, so the earlier of the two is nearer.
 */
static __always_inline u32 stall_last_life(const struct tcp_sock *tp, u32 now)
{
	u32 timer_set = now - tp->inet_conn.icsk_rto;
	u32 sent = stall_later(tp->chrono_start, timer_set) == timer_set ? tp->chrono_start : timer_set;

	return stall_later(sent, stall_later(tp->rcv_tstamp, tp->inet_conn.icsk_ack.lrcvtime));
}

/* A retransmission timeout. A shut window has a cause of its own. */
static __always_inline void stall_on_congestion(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
						u8 to, u32 weight)
{
	u32 now = bpf_jiffies64();

	if (!cfg_stall)
		return;
	/* The handler of the timer has taken it off. Else it is the path's MTU that made segments too long. */
	if (to != CA_LOSS || tp->inet_conn.icsk_pending) {
		stall_end(flow, TCPPERF_STALL_RTO, now, weight);
		return;
	}
	/* Of one that is left out the first segment after it, which ends it, would not be seen. */
	if (!weight || stall_is(flow, TCPPERF_STALL_RTO) || !state_is_open(sk->__sk_common.skc_state) || !tp->snd_wnd)
		return;
	stall_begin(flow, TCPPERF_STALL_RTO, stall_last_life(tp, now));
}

/* `wait_ns`: 0 when it was not accepted just now. */
static __always_inline void stall_on_accepted(const struct flow *flow, u64 wait_ns, u32 weight)
{
	if (cfg_stall && wait_ns)
		stall_observe(flow, TCPPERF_STALL_ACCEPT, wait_ns, weight);
}

/* A process has taken data out of the queue. */
static __always_inline void stall_on_read(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
					  u32 weight)
{
	u32 now = bpf_jiffies64();

	if (!cfg_stall || !cfg_stall_reads)
		return;
	/* A window that the process shut, and now opens again, without a segment in between. */
	if (sk->__sk_common.skc_state == TCP_ESTABLISHED && flow_shut_windows(tp) != flow->shut)
		stall_windows_change(flow, tp, weight);
	if (stall_is(flow, TCPPERF_STALL_UNREAD)) {
		if (stall_has_read(flow, tp))
			stall_end(flow, TCPPERF_STALL_UNREAD, now, weight);
	} else if (!stall_unread(sk, tp)) {
		stall_observe_jiffies(flow, TCPPERF_STALL_UNREAD, tp->inet_conn.icsk_ack.lrcvtime, now, weight);
	}
}

static __always_inline void stall_on_state(struct flow *flow, const struct tcp_sock *tp, int from, int to, u64 now_ns,
					   u32 weight)
{
	u32 now = bpf_jiffies64();

	if (!cfg_stall || flow->verdict != VERDICT_MEASURE)
		return;
	if ((from == TCP_SYN_SENT || from == TCP_SYN_RECV) && (to == TCP_ESTABLISHED || to == TCP_CLOSE) &&
	    flow->role == TCPPERF_ROLE_CLIENT && !flow->older)
		stall_observe(flow, TCPPERF_STALL_CONNECT, now_ns - flow->began_ns, 1); /* no segment tells */
	/* From now on its segments are not seen. */
	if (from == TCP_ESTABLISHED) {
		stall_on_ack(flow, tp, weight);
		stall_end(flow, TCPPERF_STALL_ZERO_WINDOW_PEER, now, weight);
		stall_end(flow, TCPPERF_STALL_ZERO_WINDOW_OWN, now, weight);
		flow->shut = 0;
	}
	if (to == TCP_CLOSE) {
		stall_end(flow, TCPPERF_STALL_RTO, now, weight);
		if (flow->blocked && flow_claim(flow)) {
			flow->blocked = 0;
			stall_observe_jiffies(flow, TCPPERF_STALL_SEND_BUFFER,
					      flow->stall_since[TCPPERF_STALL_SEND_BUFFER], now, weight);
			flow_release(flow);
		}
	}
}

static __always_inline void stall_on_sample(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
					    u32 weight)
{
	u32 now = bpf_jiffies64();
	bool followed = weight && flow_is_followed(flow);
	u32 since;

	if (!cfg_stall || !state_is_open(sk->__sk_common.skc_state))
		return;
	/* Of one that is left out nobody sees in time when it ends, nor that `unread` has ended. */
	if (followed)
		stall_look_at_buffer(flow, sk, tp, now, weight);
	if (!stall_unread(sk, tp))
		return;
	since = tp->inet_conn.icsk_ack.lrcvtime;
	if (followed && stall_is(flow, TCPPERF_STALL_UNREAD) && !stall_has_read(flow, tp))
		since = flow->stall_since[TCPPERF_STALL_UNREAD];
	if ((s32)(now - since) > 0 &&
	    !raise_in(&stall_unread_ns, FLOW_CELL(flow, stall, 1, 0), (now - since) * kernel_jiffy_ns))
		lost(TCPPERF_LOST_HIGHEST);
}

#endif
