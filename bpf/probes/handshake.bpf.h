/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * handshake: how long does it take to connect, and what fails?
 *
 * Client: from connect() (CLOSE -> SYN_SENT) to ESTABLISHED, lost SYNs included. Server: from the first SYN-ACK sent to
 * the ACK that completes the handshake, lost SYN-ACKs included: the kernel's own sample where there was no
 * retransmission, else the time remembered when the SYN-ACK was first retransmitted.
 */
#ifndef TCPPERF_PROBES_HANDSHAKE_H
#define TCPPERF_PROBES_HANDSHAKE_H

#include "lib/flow.bpf.h"

const volatile bool cfg_handshake;
PROBE_GROUPS(handshake);

/* Written by every CPU, atomically; fixed size; never deleted. */
HISTOGRAM_ARRAY(handshake_hist, TCPPERF_ROLES);
COUNTER_ARRAY(handshake_count, TCPPERF_HANDSHAKE_COUNTERS);

/* Both ends and the SYN's sequence would be exact; ends and network namespace suffice for the seconds it lives. */
struct synack_key {
	struct endpoints ends;
	u32 padding;
	u64 net;
};

/*
 * When the first SYN-ACK of a retransmitting handshake was sent. A hash because the peer chooses the key; deleted when
 * the handshake completes. LRU, because nothing tells when one is given up: the dead ones of a SYN flood go first. The
 * kernel does not tell what it pushes out, so what is missing is counted when a handshake completes that needs it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct synack_key);
	__type(value, u64);
} synack_sent_us SEC(".maps");

static __always_inline void synack_key_of(const struct sock_common *common, struct synack_key *key)
{
	endpoints_of_common(common, &key->ends);
	key->padding = 0;
	key->net = (u64)BPF_CORE_READ(common, skc_net.net);
}

static __always_inline void handshake_on_synack_retransmit(const struct request_sock *req)
{
	struct synack_key key;
	u64 sent_us;

	if (!cfg_handshake)
		return;
	sent_us = BPF_CORE_READ((const struct tcp_request_sock *)req, snt_synack);
	synack_key_of(&req->__req_common, &key);
	/* Where this fails, and the handshake completes nevertheless, it is counted then. */
	bpf_map_update_elem(&synack_sent_us, &key, &sent_us, BPF_ANY);
}

static __always_inline enum tcpperf_connect_failure handshake_failure(int err)
{
	switch (err) {
	case ECONNREFUSED:
		return TCPPERF_CONNECT_REFUSED;
	case ETIMEDOUT:
		return TCPPERF_CONNECT_TIMEOUT;
	case EHOSTUNREACH:
	case ENETUNREACH:
		return TCPPERF_CONNECT_UNREACHABLE;
	case ECONNRESET:
		return TCPPERF_CONNECT_RESET;
	}
	return TCPPERF_CONNECT_OTHER;
}

static __always_inline void handshake_count_one(const struct flow *flow, u32 cell)
{
	count_in(&handshake_count, FLOW_CELL(flow, handshake, TCPPERF_HANDSHAKE_COUNTERS, cell), 1);
}

static __always_inline void handshake_observe(const struct flow *flow, enum tcpperf_role role, u64 time)
{
	observe_in(&handshake_hist, FLOW_CELL(flow, handshake, TCPPERF_ROLES, role), time);
}

static __always_inline void handshake_server_done(const struct flow *flow, const struct sock *sk,
						  const struct tcp_sock *tp, u64 now_ns)
{
	struct synack_key key;
	u64 *sent_us;

	handshake_count_one(flow, TCPPERF_SERVER);
	if (tp->total_retrans == 0) {
		/*
		 * tcp_synack_rtt_meas(): the first and only sample so far, in microseconds. After a SYN cookie the
		 * kernel has nothing but the echoed timestamp, in whole milliseconds and with the cookie's bits in it:
		 * no time.
		 */
		u32 sample_us = tp->srtt_us >> 3;

		if (sample_us % 1000)
			handshake_observe(flow, TCPPERF_SERVER, tcpperf_time_from_us(sample_us));
		return;
	}
	synack_key_of(&sk->__sk_common, &key);
	sent_us = bpf_map_lookup_elem(&synack_sent_us, &key);
	if (!sent_us) {
		lost(TCPPERF_LOST_SYNACK);
		return;
	}
	handshake_observe(flow, TCPPERF_SERVER, tcpperf_time_from_ns(now_ns - *sent_us * 1000));
	bpf_map_delete_elem(&synack_sent_us, &key);
}

static __always_inline void handshake_on_state(struct flow *flow, const struct sock *sk, const struct tcp_sock *tp,
					       int from, int to, u64 now_ns)
{
	bool client = from == TCP_SYN_SENT || flow->connect_started_ns;

	if (!cfg_handshake)
		return;
	if (to == TCP_SYN_SENT) {
		flow->connect_started_ns = now_ns;
		return;
	}
	/* Not yet ESTABLISHED or failed, or the filter could not be judged until the end. */
	if ((from != TCP_SYN_SENT && from != TCP_SYN_RECV) || flow->verdict != VERDICT_MEASURE)
		return;
	if (to == TCP_ESTABLISHED) {
		if (!client) {
			handshake_server_done(flow, sk, tp, now_ns);
			return;
		}
		handshake_count_one(flow, TCPPERF_CLIENT);
		if (flow->connect_started_ns)
			handshake_observe(flow, TCPPERF_CLIENT,
					  tcpperf_time_from_ns(now_ns - flow->connect_started_ns));
		flow->connect_started_ns = 0;
	} else if (to == TCP_CLOSE && client) {
		handshake_count_one(flow, TCPPERF_HANDSHAKE_FAILURE + handshake_failure(sk->sk_err));
		flow->connect_started_ns = 0;
	}
}

#endif
