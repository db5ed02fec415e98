/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * socket: how much waits in the sockets, and how full are their buffers?
 *
 * States, not events: read of every open connection at every reading, without the socket's lock.
 */
#ifndef TCPPERF_PROBES_SOCKET_H
#define TCPPERF_PROBES_SOCKET_H

#include "lib/flow.bpf.h"

const volatile bool cfg_socket;
PROBE_GROUPS(socket);

/* Written by every CPU, atomically; fixed size; never deleted. */
HISTOGRAM_ARRAY(socket_hist, TCPPERF_SOCKET_HISTOGRAMS);
COUNTER_ARRAY(socket_drops, 1);

/* Not inlined: five of them would make the program large. */
static __noinline int socket_observe(u32 cell, u64 value)
{
	observe_in(&socket_hist, cell, value);
	return 0;
}

/* Of two numbers that are not read at the same moment the second can be behind the first. */
static __always_inline u32 socket_distance(u32 from, u32 to)
{
	return (s32)(to - from) > 0 ? to - from : 0;
}

static __always_inline void socket_observe_used(u32 cell, int used, int size)
{
	if (size > 0)
		socket_observe(cell, tcpperf_ratio(used > 0 ? used : 0, size));
}

/* A FIN has a sequence number, but nobody waits for it. */
static __always_inline void socket_observe_queues(u32 first, const struct sock *sk, const struct tcp_sock *tp)
{
	u32 state = sk->__sk_common.skc_state;
	u32 read_to, unacked_from, next, received;

	read_to = tp->copied_seq;
	unacked_from = tp->snd_una;
	next = tp->snd_nxt;
	barrier();
	received = socket_distance(read_to, tp->rcv_nxt);
	socket_observe(first + TCPPERF_SOCKET_RECEIVE_QUEUE,
		       less(received, sk->__sk_common.skc_flags >> SOCK_DONE & 1));
	socket_observe(first + TCPPERF_SOCKET_SEND_QUEUE,
		       less(socket_distance(unacked_from, tp->write_seq), state_has_fin(state)));
	socket_observe(first + TCPPERF_SOCKET_UNSENT, less(socket_distance(next, tp->write_seq), state_has_fin(state)));
}

/* Under the socket's lock, and at every reading. */
static __always_inline void socket_count(struct flow *flow, const struct sock *sk)
{
	if (cfg_socket && flow->established)
		count_in(&socket_drops, FLOW_CELL(flow, socket, 1, 0), advance32(&flow->drops, sk->sk_drops.counter));
}

static __always_inline void socket_on_sample(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp)
{
	u32 first;

	if (!cfg_socket || !state_is_open(sk->__sk_common.skc_state))
		return;
	socket_count(flow, sk);
	first = FLOW_CELL(flow, socket, TCPPERF_SOCKET_HISTOGRAMS, 0);
	socket_observe_queues(first, sk, tp);
	socket_observe_used(first + TCPPERF_SOCKET_RECEIVE_USED, sk->sk_backlog.rmem_alloc.counter, sk->sk_rcvbuf);
	socket_observe_used(first + TCPPERF_SOCKET_SEND_USED, sk->sk_wmem_queued, sk->sk_sndbuf);
}

#endif
