/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * time: where does a connection's time go?
 *
 * From ESTABLISHED (or first sight) to CLOSE, every nanosecond of a connection is given to one limit. The kernel's own
 * chronographs say how much of it the connection had something to send (busy), and how much of that the peer's window
 * or the send buffer held it up; the rest is idle. They are kept in jiffies: what an interval has no room for is owed
 * to the next one, so the sum is exact and the parts are those of the kernel but for a jiffy. Which limit the rest of
 * the busy time has is what the connection looked like before the event that ends the interval.
 */
#ifndef TCPPERF_PROBES_TIME_H
#define TCPPERF_PROBES_TIME_H

#include "lib/flow.bpf.h"

const volatile bool cfg_time;
PROBE_GROUPS(time);

/* Nanoseconds. Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(time_spent, TCPPERF_TIME_LIMITS);

/* flow_time.until_ns, when the connection is closed and all its time is accounted */
#define TIME_ENDED (~0ULL)

/*
 * What the sampling, which does not lock the socket, leaves to others: a hook on another CPU may have read the clock
 * just before it, and give the flow its word after it.
 */
#define TIME_SAMPLE_LAG_NS 1000000

static __always_inline void time_add(const struct flow *flow, enum tcpperf_time_limit limit, u64 ns)
{
	count_in(&time_spent, FLOW_CELL(flow, time, TCPPERF_TIME_LIMITS, limit), ns);
}

/*
 * The chronographs as they stood at `until`. Exact under the socket's lock. Without it, when the kernel is just
 * changing from one to the next: false, or a running time counted twice, which the following intervals take back.
 */
static __always_inline bool time_read_chronos(const struct tcp_sock *tp, u32 until_jiffies, u32 *jiffies)
{
	u32 type = BPF_CORE_READ_BITFIELD(tp, chrono_type);
	u32 start;
	s32 running;

	barrier();
	jiffies[0] = tp->chrono_stat[0];
	jiffies[1] = tp->chrono_stat[1];
	jiffies[2] = tp->chrono_stat[2];
	barrier();
	start = tp->chrono_start;
	barrier();
	if (type != BPF_CORE_READ_BITFIELD(tp, chrono_type))
		return false;
	running = until_jiffies - start;
	if (running < 0)
		running = 0;
	if (type == CHRONO_BUSY)
		jiffies[0] += running;
	else if (type == CHRONO_RWND_LIMITED)
		jiffies[1] += running;
	else if (type == CHRONO_SNDBUF_LIMITED)
		jiffies[2] += running;
	return true;
}

/* What a chronograph has gained, as far as the interval has room for it. */
static __always_inline u64 time_grant(struct flow_time *time, u32 chrono, u32 jiffies, u64 *left)
{
	s64 owed = time->owed_ns[chrono] + (s64)(s32)(jiffies - time->seen_jiffies[chrono]) * (s64)kernel_jiffy_ns;
	u64 grant = 0;

	time->seen_jiffies[chrono] = jiffies;
	if (owed > 0) {
		grant = (u64)owed < *left ? (u64)owed : *left;
		owed -= grant;
		*left -= grant;
	}
	/* More than a few jiffies are owed only after a misreading. */
	time->owed_ns[chrono] = owed > 0x7fffffff ? 0x7fffffff : owed < -0x7fffffff ? -0x7fffffff : owed;
	return grant;
}

/*
 * Data that its process has not read takes more than half of the window that the peer once offered. Zero alone would
 * not tell a slow reader: each time it reads, the window opens by a little and is full at once, so that much of the
 * time goes into the round trips of small windows. (Half is also what RFC 1122 4.2.3.4 takes for worth sending.)
 */
static __always_inline bool time_window_is_shut(const struct tcp_sock *tp)
{
	return tp->snd_wnd < tp->max_window / 2 || tp->snd_wnd < tp->mss_cache;
}

/*
 * Gives the time since the last accounting to the limits; `limit` is for what the chronographs do not tell apart. False
 * when they could not be read.
 */
static __noinline bool time_account(struct flow *flow, const struct tcp_sock *tp, u64 until_ns, u32 until_jiffies,
				    u32 limit)
{
	bool timed_out = limit == TCPPERF_TIME_RTO;
	u32 jiffies[3];
	u64 left, amount;
	bool shut;

	if (!flow || !tp)
		return false;
	left = until_ns - flow->time.until_ns;
	if ((s64)left <= 0)
		return true;
	if (!time_read_chronos(tp, until_jiffies, jiffies))
		return false;
	flow->time.until_ns = until_ns;
	shut = time_window_is_shut(tp);
	/* Nothing arrives, so nothing makes the kernel look whether the window or the buffer is what it waits for. */
	amount = time_grant(&flow->time, 1, jiffies[1], &left);
	time_add(flow, shut ? TCPPERF_TIME_READER : timed_out ? TCPPERF_TIME_RTO : TCPPERF_TIME_RWND, amount);
	amount = time_grant(&flow->time, 2, jiffies[2], &left);
	time_add(flow, timed_out ? TCPPERF_TIME_RTO : TCPPERF_TIME_SNDBUF, amount);
	amount = time_grant(&flow->time, 0, jiffies[0], &left);
	time_add(flow, limit, amount);
	time_add(flow, TCPPERF_TIME_IDLE, left);
	return true;
}

static __always_inline u8 time_ca_state(const struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
}

/* A write found no room in the send buffer, and there is none yet. */
static __always_inline bool time_write_waits(const struct sock *sk)
{
	const struct socket *socket = sk->sk_socket;

	return socket && socket->flags >> SOCK_NOSPACE & 1;
}

static __always_inline enum tcpperf_time_limit time_limit_in_loss(const struct flow *flow)
{
	return flow->time.no_timeout ? TCPPERF_TIME_LOSS_RECOVERY : TCPPERF_TIME_RTO;
}

/* What keeps a busy connection from sending more, as it stands now. */
static __always_inline enum tcpperf_time_limit time_limit_of(const struct flow *flow, const struct tcp_sock *tp,
							     u8 ca_state, u64 now_ns)
{
	const struct sock *sk = (const struct sock *)tp;
	u32 inflight;

	if (ca_state == CA_LOSS)
		return time_limit_in_loss(flow);
	if (ca_state == CA_RECOVERY)
		return TCPPERF_TIME_LOSS_RECOVERY;
	/*
	 * All that the process wrote is on its way; a FIN is not its data. The chronograph of the send buffer only runs
	 * when something was sent while a write waited, so not when each write is sent at once.
	 */
	if (tp->write_seq - tp->snd_nxt <= state_has_fin(sk->__sk_common.skc_state))
		return time_write_waits(sk) ? TCPPERF_TIME_SNDBUF : TCPPERF_TIME_APP;
	inflight = tp->packets_out - (tp->sacked_out + tp->lost_out) + tp->retrans_out;
	/* Before pacing: when its turn comes, a packet that the window has no room for stays all the same. */
	if (inflight >= tp->snd_cwnd)
		return TCPPERF_TIME_CWND;
	if (tp->tcp_wstamp_ns > now_ns || sk->sk_tsq_flags & (1 << TSQ_THROTTLED | 1 << TSQ_QUEUED))
		return TCPPERF_TIME_PACING;
	/* Of this round trip, at some time. A batch of packets may wait for more room than one needs. */
	return BPF_CORE_READ_BITFIELD(tp, is_cwnd_limited) ? TCPPERF_TIME_CWND : TCPPERF_TIME_OTHER;
}

/*
 * The same of the time before an event that has changed the state already: what the last look saw. Segments that arrive
 * in other states than ESTABLISHED are not looked at. When all was on its way as the process closed, it stayed so; else
 * it is not known.
 */
static __always_inline enum tcpperf_time_limit time_limit_before(const struct flow *flow, const struct tcp_sock *tp,
								 u8 ca_state)
{
	u8 state = ((const struct sock *)tp)->__sk_common.skc_state;

	if (ca_state == CA_LOSS)
		return time_limit_in_loss(flow);
	if (ca_state == CA_RECOVERY)
		return TCPPERF_TIME_LOSS_RECOVERY;
	if (state == TCP_ESTABLISHED || (state_has_fin(state) && flow->time.limit == TCPPERF_TIME_APP))
		return flow->time.limit;
	return TCPPERF_TIME_OTHER;
}

/*
 * Whether there is an interval to account. Time begins anew with each set of programs: what happened while there were
 * none was not seen. With the flow claimed.
 */
static __always_inline bool time_goes_on(struct flow *flow, const struct tcp_sock *tp, u64 now_ns)
{
	struct flow_time *time = &flow->time;

	if (time->until_ns == TIME_ENDED)
		return false;
	if (time->until_ns && time->epoch == cfg_epoch)
		return true;
	if (!time_read_chronos(tp, bpf_jiffies64(), time->seen_jiffies))
		return false;
	time->owed_ns[0] = 0;
	time->owed_ns[1] = 0;
	time->owed_ns[2] = 0;
	time->epoch = cfg_epoch;
	time->limit = TCPPERF_TIME_APP;
	time->until_ns = now_ns;
	return false;
}

/* How long nothing has arrived, while something is in flight. */
static __always_inline u32 time_silent_jiffies(const struct tcp_sock *tp, u32 now_jiffies)
{
	s32 silent = now_jiffies - tp->rcv_tstamp;

	return tp->packets_out && silent > 0 ? silent : 0;
}

/* A look of a hook, with the socket locked. */
static __always_inline void time_on_look(struct flow *flow, const struct tcp_sock *tp, u64 now_ns)
{
	const struct flow_time *time = &flow->time;

	if (!cfg_time)
		return;
	/* Nothing to send, then and now: idle, which can wait for the next sampling. */
	if (time->until_ns && time->epoch == cfg_epoch && BPF_CORE_READ_BITFIELD(tp, chrono_type) == CHRONO_UNSPEC &&
	    tp->chrono_stat[0] == time->seen_jiffies[0] && tp->chrono_stat[1] == time->seen_jiffies[1] &&
	    tp->chrono_stat[2] == time->seen_jiffies[2])
		return;
	if (!flow_claim(flow))
		return;
	if (time_goes_on(flow, tp, now_ns)) {
		flow->time.limit = time_limit_of(flow, tp, time_ca_state(tp), now_ns);
		time_account(flow, tp, now_ns, bpf_jiffies64(), flow->time.limit);
	}
	flow_release(flow);
}

/*
 * When a timeout expires, all that was in flight counts as lost, and what the connection has been waiting for since it
 * last heard something is the timeout; loss probes did not help.
 */
static __always_inline void time_on_congestion(struct flow *flow, const struct tcp_sock *tp, u8 to)
{
	u64 now_ns;
	u32 now;

	if (!cfg_time || !state_is_open(((const struct sock *)tp)->__sk_common.skc_state) || !flow_claim(flow))
		return;
	now_ns = bpf_ktime_get_ns();
	now = bpf_jiffies64();
	if (time_goes_on(flow, tp, now_ns)) {
		enum tcpperf_time_limit limit = time_limit_before(flow, tp, time_ca_state(tp));
		/* The handler of the timer has taken it off. Else it is the path's MTU that made segments too long. */
		bool timeout = to == CA_LOSS && !tp->inet_conn.icsk_pending;

		if (timeout) {
			u32 silent = time_silent_jiffies(tp, now);

			time_account(flow, tp, now_ns - silent * kernel_jiffy_ns, now - silent, limit);
			limit = TCPPERF_TIME_RTO;
		}
		time_account(flow, tp, now_ns, now, limit);
		flow->time.no_timeout = to == CA_LOSS && !timeout;
		flow->time.limit = time_limit_of(flow, tp, to, now_ns);
	}
	flow_release(flow);
}

/*
 * Silence of a connection with something in flight may turn out to be a timeout's: as much of it as can pass before
 * one, with a loss probe in between that starts it anew, is left for the event that tells.
 */
static __always_inline void time_on_sample(struct flow *flow, const struct tcp_sock *tp)
{
	u64 now_ns;
	u32 now;

	if (!cfg_time || !state_is_open(((const struct sock *)tp)->__sk_common.skc_state) || !flow_claim(flow))
		return;
	now_ns = bpf_ktime_get_ns();
	now = bpf_jiffies64();
	if (time_goes_on(flow, tp, now_ns)) {
		u8 ca_state = time_ca_state(tp);
		u32 silent = ca_state == CA_LOSS ? 0 : time_silent_jiffies(tp, now);

		if (silent > 2 * tp->inet_conn.icsk_rto)
			silent = 2 * tp->inet_conn.icsk_rto;
		flow->time.limit = time_limit_of(flow, tp, ca_state, now_ns);
		time_account(flow, tp, now_ns - silent * kernel_jiffy_ns - TIME_SAMPLE_LAG_NS, now - silent,
			     flow->time.limit);
	}
	flow_release(flow);
}

/* The last interval. When the sampling has the flow just now, it does this itself when it is done, or the socket's end.
 */
static __always_inline void time_settle(struct flow *flow, const struct tcp_sock *tp)
{
	u64 end_ns;

	if (!cfg_time || !*(volatile u64 *)&flow->time.end_ns || !flow_claim(flow))
		return;
	end_ns = flow->time.end_ns;
	if (end_ns &&
	    (!time_goes_on(flow, tp, end_ns) || time_account(flow, tp, end_ns, bpf_jiffies64(), flow->time.limit))) {
		flow->time.until_ns = TIME_ENDED;
		flow->time.end_ns = 0;
	}
	flow_release(flow);
}

static __always_inline void time_on_state(struct flow *flow, const struct tcp_sock *tp, int from, int to, u64 now_ns)
{
	u8 ca_state;

	if (!cfg_time)
		return;
	ca_state = time_ca_state(tp);
	if (to == TCP_CLOSE) {
		flow->time.limit = from == TCP_ESTABLISHED ? time_limit_of(flow, tp, ca_state, now_ns)
							   : time_limit_before(flow, tp, ca_state);
		flow->time.end_ns = now_ns;
		time_settle(flow, tp);
		return;
	}
	if (!state_is_open(to) || !flow_claim(flow))
		return;
	if (to == TCP_ESTABLISHED)
		flow->time.until_ns = 0;
	if (time_goes_on(flow, tp, now_ns)) {
		enum tcpperf_time_limit now = time_limit_of(flow, tp, ca_state, now_ns);

		time_account(flow, tp, now_ns, bpf_jiffies64(),
			     from == TCP_ESTABLISHED ? now : time_limit_before(flow, tp, ca_state));
		flow->time.limit = now;
	}
	flow_release(flow);
}

/* The socket is freed. Its end was missed if the hook of states could not run, being interrupted on this CPU. */
static __always_inline void time_on_destroy(struct flow *flow, const struct tcp_sock *tp)
{
	if (!cfg_time)
		return;
	if (flow->time.until_ns && flow->time.until_ns != TIME_ENDED && !flow->time.end_ns)
		flow->time.end_ns = bpf_ktime_get_ns();
	time_settle(flow, tp);
}

#endif
