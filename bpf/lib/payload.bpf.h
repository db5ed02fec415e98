/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What a connection has carried, in bytes of payload, from the socket's own counters.
 *
 * Exact under the socket's lock. Without it (the sampling) counters may be read in the middle of a change; the order of
 * the reads makes the result too small then, never too large. But `received` is one byte too large between the moments
 * when a FIN is counted and when it is marked.
 */
#ifndef TCPPERF_LIB_PAYLOAD_H
#define TCPPERF_LIB_PAYLOAD_H

#include "abi/groups.h"

struct payload {
	u64 sent;  /* handed to the network for the first time */
	u64 acked; /* of that */
	u64 resent;
	u64 received; /* in order */
};

/* The handshake is behind it, the end is not. */
static __always_inline bool state_is_open(u32 state)
{
	return 1U << (state & 31) & (1U << TCP_ESTABLISHED | 1U << TCP_FIN_WAIT1 | 1U << TCP_FIN_WAIT2 |
				     1U << TCP_CLOSE_WAIT | 1U << TCP_LAST_ACK | 1U << TCP_CLOSING);
}

/* tcp_send_fin() was called. Of a closed socket the state does not tell. */
static __always_inline bool state_has_fin(u32 state)
{
	return state_is_open(state) && state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT;
}

static __always_inline u64 less(u64 amount, u64 of)
{
	return amount > of ? amount - of : 0;
}

/*
 * bytes_sent counts again what the host itself refused to take (a full queue, a firewall), so sequence numbers bound
 * it; these count a client's SYN and a FIN. `role`: enum tcpperf_group_role; when unknown, the SYN is not subtracted.
 */
static __always_inline void payload_of(const struct sock *sk, const struct tcp_sock *tp, u8 role,
				       struct payload *payload)
{
	u64 sent, resent, acked, numbers, received, syn, fin;
	u32 unacked_from, next, state;

	sent = tp->bytes_sent;
	barrier();
	resent = tp->bytes_retrans;
	acked = tp->bytes_acked;
	barrier();
	unacked_from = tp->snd_una;
	barrier();
	next = tp->snd_nxt;
	barrier();
	state = sk->__sk_common.skc_state;
	received = tp->bytes_received;
	barrier();

	syn = role == TCPPERF_ROLE_CLIENT;
	fin = state_has_fin(state) && next == tp->write_seq;
	numbers = less(acked + (u32)(next - unacked_from), syn + fin);
	sent = less(sent, resent);
	payload->sent = sent < numbers ? sent : numbers;
	acked = less(acked, syn);
	payload->acked = acked < payload->sent ? acked : payload->sent;
	payload->resent = resent;
	payload->received = less(received, sk->__sk_common.skc_flags >> SOCK_DONE & 1);
}

#endif
