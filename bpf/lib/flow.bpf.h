/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * One state per socket, for all probes, in socket-local storage: it is freed with the socket. Looking it up costs about
 * as much as everything else a hook does, so a hook does it once and hands it to every handler.
 *
 * All hooks on events run with the socket locked (by its owner or in softirq), so plain writes suffice. The sampling
 * and the hooks of reads and writes do not: what they write is a byte of its own, or taken with advance64().
 */
#ifndef TCPPERF_LIB_FLOW_H
#define TCPPERF_LIB_FLOW_H

#include "lib/lost.bpf.h"
#include "lib/owner.bpf.h"
#include "lib/payload.bpf.h"
#include "lib/sampling.bpf.h"

/* time: with the flow claimed, but for `end_ns` and, at the end, `limit` */
struct flow_time {
	u64 until_ns;	     /* up to when the time is accounted; 0 = not yet begun */
	u64 end_ns;	     /* when the connection ended, while that is still to be accounted */
	u32 seen_jiffies[3]; /* of the kernel's chronographs: already granted or owed */
	s32 owed_ns[3];	     /* of these: not yet granted */
	u32 epoch;	     /* of the programs that wrote this */
	u8 limit;	     /* enum tcpperf_time_limit: what the last look saw */
	u8 no_timeout;	     /* the congestion state Loss was not entered by a retransmission timeout */
};

/* What a socket counts, for probe `order`. */
struct order {
	u32 reordering_events;
	u32 dsack_duplicates;
	u32 out_of_order;
	u32 received;
	u32 delivered_ce;
	u32 received_ce;
};

struct flow {
	/*
	 * What every segment touches comes first: the kernel puts 8 bytes of its own before it, at the begin of a cache
	 * line, and reads them to find it. With many connections each further line is a miss.
	 */
	u64 rtt_observed_us; /* rtt: tcp_mstamp of the last sample recorded */
	u32 epoch;	     /* sampling_epoch() when this was written last */
	u32 looked_jiffies;  /* see flow_look_is_due() */
	u32 srtt_us8;	     /* rtt: srtt_us (us << 3) after the last sample seen */
	u32 mdev_us4;	     /* rtt: mdev_us (us << 2), likewise */
	u32 delivered;	     /* rtt: likewise */
	u32 unaccepted;	     /* listener, stall: accept() has not been seen yet; see flow_accepted() */
	u16 slot[TCPPERF_GROUPINGS];
	u8 verdict;	/* filter: enum verdict */
	u8 grouped;	/* `slot` is valid */
	u8 shut;	/* stall: see flow_shut_windows() */
	u8 stalled;	/* stall: bit per cause that goes on, but for `blocked`; written by hooks on events */
	u8 blocked;	/* stall: a write waits for room; see flow_claim() */
	u8 role;	/* enum tcpperf_group_role */
	u8 listens;	/* it is a listener */
	u8 closed;	/* it is at its end, and the last look at its counters was taken */
	u64 congestion; /* congestion: see flow_congestion(); 0 = no connection */

	/* Once per jiffy, and less often. */
	struct flow_time time;
	u32 claimed;				    /* see flow_claim() */
	u32 blocked_at;				    /* stall: write_seq when a write found no room */
	u32 unread_to;				    /* stall: what the process has to read for `unread` to end */
	u32 stall_since[TCPPERF_STALLS_REMEMBERED]; /* stall: jiffies, by enum tcpperf_stall */
	u64 connect_started_ns;			    /* handshake: CLOSE -> SYN_SENT; 0 = not a client, or not seen */
	u64 state_entered_ns;			    /* state: 0 = entered before we looked */
	u64 began_ns;				    /* life: when the socket began it, or was first seen */
	struct payload payload;			    /* throughput: already counted */
	u64 window_due_us[2]; /* window: CLOCK_MONOTONIC from which on the next sample may be taken, rx and tx */
	u64 rate_half_us;     /* window: when the time of rate_max[0] began */
	u64 rate_max[2];      /* window: bytes/s, greatest of this half of the sliding time and of the one before */
	u64 rate_sample;      /* window: see flow_rate_sample(); seen last */
	u32 segs_out;	      /* window: when the last packet was sent */
	u32 uncounted;	      /* window: segments of that packet */
	u64 cong_entered_ns;  /* congestion: when the state was entered; 0 = before we looked */
	u32 data_segments;    /* retransmit: data_segs_out already counted */
	u32 drops;	      /* socket, of a listening one listener: sk_drops already counted */
	struct order order;   /* order: already counted */
	u8 deferred;	      /* state: SYN_SENT or SYN_RECV was entered while the filter or the group was undecided */
	u8 overflowed;	      /* bit per grouping: counted as an overflow */
	u8 owner_known;	      /* bound, not only inherited from the listener */
	u8 older;	      /* the connection began before we looked */
	u8 established;	      /* it is or was a connection, not only an attempt */
};

/* One per TCP socket seen, allocated at first sight. Without memory the event is lost and counted. */
SOCKET_STORAGE(flows, struct flow, TCPPERF_STORAGE_FLOWS)

/*
 * The slots of a listener, in groupings of listeners. Its children begin with them: so a connection knows its
 * listener's groups, which its own ends do not tell.
 */
struct group_slots_of_listener {
	u16 slot[TCPPERF_GROUPINGS];
};

SOCKET_STORAGE_INHERITED(group_listeners, struct group_slots_of_listener, TCPPERF_STORAGE_LISTENERS)

/*
 * Counts the sets of programs that have used these states. Between two sets some events are missed, so what is derived
 * from two consecutive values of a socket must begin anew. The upper half of sampling_epoch() counts them too.
 */
const volatile u32 cfg_epoch;
/* The unit of the kernel's coarse clocks, such as those of lsndtime and chrono_stat. */
const volatile u64 kernel_jiffy_ns = 4000000;

/* What an event says about the life of its socket. */
enum flow_moment {
	FLOW_GOES_ON,
	FLOW_BEGINS,	   /* connects or listens from now on; it may have had a connection before */
	FLOW_ARRIVES,	   /* is a listener's copy; on Linux 6.1 and 6.12 it still has the listener's addresses */
	FLOW_BEGINS_IF_NEW /* the first event of an accepted connection, or a later one of another */
};

/* Tells one measurement of the delivery rate from the next. */
static __always_inline u64 flow_rate_sample(const struct tcp_sock *tp)
{
	return (u64)tp->rate_delivered << 32 | tp->rate_interval_us;
}

/* Bit per enum tcpperf_window_side: that window is shut, the peer's or ours as it was last advertised. */
static __always_inline u8 flow_shut_windows(const struct tcp_sock *tp)
{
	return (tp->snd_wnd == 0) << TCPPERF_WINDOW_OF_PEER | (tp->rcv_wnd == 0) << TCPPERF_WINDOW_OWN;
}

/* A congestion state and since when its time is not counted yet, in one word: the time wraps after 73 years. */
static __always_inline u64 flow_congestion(u64 since_ns, u32 state)
{
	return since_ns << 3 | state;
}

static __always_inline u64 flow_congestion_since(u64 word)
{
	return word >> 3;
}

static __always_inline u32 flow_congestion_state(u64 word)
{
	return word & 7;
}

static __always_inline u32 congestion_state_of(const struct tcp_sock *tp)
{
	return BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
}

static __always_inline void order_of(const struct tcp_sock *tp, struct order *order)
{
	order->reordering_events = tp->reord_seen;
	order->dsack_duplicates = tp->dsack_dups;
	order->out_of_order = tp->rcv_ooopack;
	order->received = tp->data_segs_in;
	order->delivered_ce = tp->delivered_ce;
	order->received_ce = bpf_core_field_exists(tp->received_ce) ? tp->received_ce : 0;
}

/* What already happened on a socket before we saw it is not ours to count. */
static __always_inline void flow_skip_gap(struct flow *flow, const struct tcp_sock *tp)
{
	flow->epoch = sampling_epoch();
	flow->srtt_us8 = tp->srtt_us;
	flow->mdev_us4 = tp->mdev_us;
	flow->delivered = tp->delivered;
}

/*
 * Events may have been missed: between two sets of programs, where they are few, or because the connection was left out
 * for a while (the lower half of the epoch). After that, what went on may have ended and begun anew. Not inlined: rare.
 */
static __noinline int flow_comes_back(struct flow *flow, const struct tcp_sock *tp)
{
	if (!flow || !tp)
		return 0;
	if ((u16)flow->epoch != (u16)sampling_epoch()) {
		flow->stalled = 0;
		flow->blocked = 0; /* see flow_is_followed() */
		flow->shut = flow_shut_windows(tp);
		barrier();
	}
	flow_skip_gap(flow, tp);
	return 0;
}

/* For the sampling, which comes without an event: what it finds in the flow is not from before a gap. */
static __always_inline bool flow_is_followed(const struct flow *flow)
{
	return *(volatile const u32 *)&flow->epoch == sampling_epoch();
}

/*
 * The role of a connection whose beginning was not seen. bytes_acked counts sequence numbers, a client's SYN among
 * them; bytes_sent counts payload. So what was sent for the first time, and what was acknowledged or is in flight,
 * differ by one for a client and by nothing for a server, as long as it has not sent a FIN.
 */
static __always_inline u8 flow_role_of_older(const struct sock *sk, const struct tcp_sock *tp)
{
	u8 state = sk->__sk_common.skc_state;
	u64 numbers = tp->bytes_acked + (u32)(tp->snd_nxt - tp->snd_una);
	u64 payload = tp->bytes_sent - tp->bytes_retrans;

	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		return TCPPERF_ROLE_UNKNOWN;
	if (numbers == payload)
		return TCPPERF_ROLE_SERVER;
	return numbers == payload + 1 ? TCPPERF_ROLE_CLIENT : TCPPERF_ROLE_UNKNOWN;
}

/* An accepted connection is in the groups of its listener. */
static __always_inline void flow_inherit(struct flow *flow, struct sock *sk)
{
	struct group_slots_of_listener *of;

	if (!cfg_group_listeners)
		return;
	of = group_listeners_find(sk);
	if (!of)
		return;
	for (u32 i = 0; i < TCPPERF_GROUPINGS; i++) {
		if (group_is_of_listeners(i))
			flow->slot[i] = of->slot[i];
	}
}

/* A listener's new copy: the connection has what the listener has. Not inlined: on_state has little stack left. */
static __noinline int flow_clone(struct sock *child, const struct tcp_sock *tp)
{
	if (!child || !tp)
		return 0;
	if (groups_by_owner() && !owners_inherit(child, tp))
		lost(TCPPERF_LOST_OWNER);
	if (cfg_group_listeners && !group_listeners_inherit(child, tp))
		lost(TCPPERF_LOST_LISTENER);
	return 0;
}

/* The socket is about to be freed. */
static __always_inline void flow_end(struct sock *sk)
{
	flows_delete(sk);
	owners_delete(sk);
	group_listeners_delete(sk);
}

/* Accepted connections will be in the groups of this listener. */
static __always_inline void flow_bequeath(const struct flow *flow, struct sock *sk)
{
	struct group_slots_of_listener *of;

	of = group_listeners_create(sk);
	if (!of) {
		lost(TCPPERF_LOST_LISTENER);
		return;
	}
	for (u32 i = 0; i < TCPPERF_GROUPINGS; i++)
		of->slot[i] = flow->slot[i];
}

/* A socket is seen for the first time, or begins a new life: everything about its last one is void, the filter too. */
static __always_inline void flow_begin(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
				       enum flow_moment moment)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	flow_skip_gap(flow, tp);
	flow->began_ns = bpf_ktime_get_ns();
	flow->data_segments = tp->data_segs_out;
	flow->rate_sample = flow_rate_sample(tp);
	order_of(tp, &flow->order);
	flow->drops = sk->sk_drops.counter;
	if (moment == FLOW_GOES_ON) {
		flow->older = 1;
		flow->established = state_is_open(sk->__sk_common.skc_state);
		flow->shut = flow_shut_windows(tp);
		flow->listens = sk->__sk_common.skc_state == TCP_LISTEN;
		flow->role = flow_role_of_older(sk, tp);
		if (flow->established)
			flow->congestion = flow_congestion(flow->began_ns, congestion_state_of(tp));
	}
	payload_of(sk, tp, flow->role, &flow->payload);
}

static __always_inline void flow_judge(struct flow *flow, const struct sock *sk)
{
	struct endpoints ends;

	if (!filter_active()) {
		flow->verdict = VERDICT_MEASURE;
		return;
	}
	endpoints_of_socket(sk, &ends);
	flow->verdict = filter_judge(&ends);
}

/*
 * Resolves the socket to its groups: a listener in groupings of listeners, a connection in the others. Elsewhere it
 * stays where it is, a listener in `other`, a connection with its listener.
 */
static __noinline int flow_group(struct flow *flow, struct sock *sk)
{
	struct tcpperf_group_key facts = {};
	struct endpoints ends;

	if (!flow || !sk)
		return 0;
	flow->grouped = 1;
	if (flow->listens ? !cfg_group_listeners : !groups_connections())
		return 0;
	endpoints_of_socket(sk, &ends);
	group_facts_of_ends(&ends, flow->listens ? TCPPERF_ROLE_SERVER : flow->role, &facts);
	group_facts_of_socket(sk, &facts);
	group_facts_of_owner(sk, &facts);
	for (u32 i = 0; i < TCPPERF_GROUPINGS; i++) {
		u32 slot;

		if (!group_dimensions(i))
			break;
		if (flow->listens != group_is_of_listeners(i))
			continue;
		slot = group_resolve(&facts, i);
		flow->slot[i] = slot;
		if (slot == TCPPERF_OTHER && !(flow->overflowed & 1 << i)) {
			flow->overflowed |= 1 << i;
			count_in(&group_overflow, i, 1);
		}
	}
	if (flow->listens)
		flow_bequeath(flow, sk);
	return 0;
}

/*
 * The state of a full TCP socket, or NULL when it is filtered out or has no memory. It may not be grouped, and the
 * verdict may be undecided: only the hook of state changes sees such sockets.
 */
static __always_inline struct flow *flow_find(struct sock *sk, const struct tcp_sock *tp, enum flow_moment moment)
{
	struct flow *flow = flows_find(sk);

	if (!flow) {
		flow = flows_create(sk);
		if (!flow) {
			lost(TCPPERF_LOST_FLOW);
			return NULL;
		}
		flow_begin(flow, sk, tp, moment);
		if (!KERNEL_CLONES_STORAGE && moment == FLOW_ARRIVES)
			flow_clone(sk, tp);
		if (moment != FLOW_BEGINS)
			flow_inherit(flow, sk);
	} else if (moment == FLOW_BEGINS) {
		flow_begin(flow, sk, tp, moment);
	} else if (flow->epoch != sampling_epoch()) {
		flow_comes_back(flow, tp);
	}
	if (flow->verdict == VERDICT_UNDECIDED && moment != FLOW_ARRIVES)
		flow_judge(flow, sk);
	return flow->verdict == VERDICT_IGNORE ? NULL : flow;
}

/* The same, grouped. */
static __always_inline struct flow *flow_of(struct sock *sk, const struct tcp_sock *tp)
{
	struct flow *flow = flow_find(sk, tp, FLOW_GOES_ON);

	if (flow && cfg_group_dimensions && !flow->grouped)
		flow_group(flow, sk);
	return flow;
}

/*
 * True once per connection and jiffy: for what needs no look at every segment. Hooks on events only; nearly free, since
 * the verifier makes bpf_jiffies64() one load.
 */
static __always_inline bool flow_look_is_due(struct flow *flow)
{
	u32 now = bpf_jiffies64();

	if (flow->looked_jiffies == now)
		return false;
	flow->looked_jiffies = now;
	return true;
}

/*
 * For changes of more than one field, which the sampling and the hooks may want to make at once. Who does not get the
 * claim leaves what there was to be done for the next one; nobody waits, because on the same CPU one may have
 * interrupted the other.
 */
static __always_inline bool flow_claim(struct flow *flow)
{
	return try_lock(&flow->claimed);
}

static __always_inline void flow_release(struct flow *flow)
{
	unlock(&flow->claimed);
}

/* The current task acts on the socket, in process context. */
static __always_inline void flow_bind_owner(struct flow *flow, struct sock *sk)
{
	if (!groups_connections_by_owner() || flow->owner_known)
		return;
	if (owner_set(sk, (const struct task_struct *)bpf_get_current_task())) {
		flow->owner_known = 1;
		flow->grouped = 0;
	}
}

/*
 * Whether the filter and the group can be known in this state. When a socket begins to connect, it has no local port
 * yet, and no route and so no interface; when it has just been copied from a listener, perhaps nothing of its own.
 */
static __always_inline bool flow_is_settled(const struct flow *flow, int state)
{
	if (flow->verdict == VERDICT_UNDECIDED || state == TCP_SYN_RECV)
		return false;
	return state != TCP_SYN_SENT ||
	       !(groups_connections_by(TCPPERF_BY_LOCAL_PORT) || groups_connections_by(TCPPERF_BY_INTERFACE));
}

/* A change of state tells the role, in process context the owner, and when the rest of the group is settled. */
static __always_inline void flow_on_state(struct flow *flow, struct sock *sk, const struct tcp_sock *tp, int from,
					  int to)
{
	if (to == TCP_ESTABLISHED || state_is_open(from))
		flow->established = 1;
	if (to == TCP_LISTEN) {
		flow->listens = 1;
	} else if (to == TCP_SYN_SENT) {
		flow->role = TCPPERF_ROLE_CLIENT;
		flow_bind_owner(flow, sk); /* connect() */
	} else if (to == TCP_ESTABLISHED) {
		if (flow->role == TCPPERF_ROLE_UNKNOWN)
			flow->role = from == TCP_SYN_RECV ? TCPPERF_ROLE_SERVER : TCPPERF_ROLE_CLIENT;
		flow->grouped = 0;
	} else if ((from == TCP_CLOSE_WAIT && to == TCP_LAST_ACK) ||
		   (from == TCP_ESTABLISHED && to == TCP_FIN_WAIT1 && bpf_core_field_exists(tp->syn_fastopen_child) &&
		    !BPF_CORE_READ_BITFIELD(tp, syn_fastopen_child))) {
		/* close() or shutdown(). The ACK that completes a fast open may do the latter, in softirq. */
		flow_bind_owner(flow, sk);
	}
	/* A listener without a port gets one after this. */
	if (cfg_group_dimensions && !flow->grouped && (to != TCP_LISTEN || sk->__sk_common.skc_num) &&
	    flow_is_settled(flow, to))
		flow_group(flow, sk);
}

/*
 * How long the connection waited for accept(): the first time that it is seen to be accepted, else 0. It may be seen by
 * several at once. accept() itself has no hook where functions cannot be traced: what a process has accepted has a
 * struct socket.
 */
static __always_inline u64 flow_accepted_now(struct flow *flow)
{
	if (!swap32(&flow->unaccepted, 1, 0))
		return 0;
	return bpf_ktime_get_ns() - flow->began_ns;
}

static __always_inline u64 flow_accepted(struct flow *flow, const struct sock *sk)
{
	return sk->sk_socket ? flow_accepted_now(flow) : 0;
}

/* The index of a probe's cell in its array, for a flow that is grouped. */
static __always_inline u32 flow_cell(const struct flow *flow, u32 grouping, u32 groups, u32 cells, u32 cell)
{
	if (!groups)
		return cell;
	return flow->slot[grouping % TCPPERF_GROUPINGS] * cells + cell;
}

/* FLOW_CELL(flow, rtt, 1, 0): cell 0 of the one cell that each group of probe rtt has. */
#define FLOW_CELL(flow, probe, cells, cell) flow_cell(flow, cfg_##probe##_grouping, cfg_##probe##_groups, cells, cell)
/* The same for a connection without a socket. */
#define ENDS_CELL(ends, probe, cells, cell)                                                                            \
	((cfg_##probe##_groups ? group_of_ends(ends, cfg_##probe##_grouping) * (cells) : 0) + (cell))

#endif
