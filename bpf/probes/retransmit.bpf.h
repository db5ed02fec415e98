/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * retransmit: how much is sent again, and what made the kernel do it?
 *
 * Counted in segments, because one event can be a packet of many (GSO). The kind is read from the state in which
 * the kernel retransmits (tcp_write_timer_handler() clears icsk_pending before an RTO but not before a loss probe; a
 * loss probe is armed only in CA Open and CWR).
 */
#ifndef TCPPERF_PROBES_RETRANSMIT_H
#define TCPPERF_PROBES_RETRANSMIT_H

#include "lib/flow.bpf.h"

const volatile bool cfg_retransmit;
PROBE_GROUPS(retransmit);
/* tcp_retransmit_skb has an error argument (6.17): it fires for failed attempts too. */
const volatile bool kernel_retransmit_error;

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(retrans_count, TCPPERF_RETRANSMIT_COUNTERS);

static __always_inline enum tcpperf_retransmit_kind retransmit_kind(const struct sock *sk, const struct tcp_sock *tp)
{
	u8 ca_state = BPF_CORE_READ_BITFIELD(&tp->inet_conn, icsk_ca_state);
	u8 pending = tp->inet_conn.icsk_pending;

	if (sk->__sk_common.skc_state == TCP_SYN_SENT)
		return TCPPERF_RETRANSMIT_SYN;
	if (ca_state == CA_LOSS)
		return pending == 0 ? TCPPERF_RETRANSMIT_RTO : TCPPERF_RETRANSMIT_LOSS_RECOVERY;
	if (ca_state == CA_RECOVERY)
		return TCPPERF_RETRANSMIT_FAST;
	if (pending == ICSK_TIME_LOSS_PROBE && (ca_state == CA_OPEN || ca_state == CA_CWR))
		return TCPPERF_RETRANSMIT_TLP;
	return TCPPERF_RETRANSMIT_OTHER;
}

static __always_inline void retransmit_count(const struct flow *flow, u32 cell, u64 amount)
{
	count_in(&retrans_count, FLOW_CELL(flow, retransmit, TCPPERF_RETRANSMIT_COUNTERS, cell), amount);
}

static __always_inline void retransmit_on_retransmit(const struct flow *flow, const struct sock *sk,
						     const struct tcp_sock *tp, const struct sk_buff *skb, int err)
{
	enum tcpperf_retransmit_kind kind;
	const struct tcp_skb_cb *control = (const void *)&skb->cb;
	u32 segments;

	if (!cfg_retransmit)
		return;
	if (err) {
		retransmit_count(flow, TCPPERF_RETRANSMIT_FAILED, 1);
		return;
	}
	segments = BPF_CORE_READ(control, tcp_gso_segs);
	kind = retransmit_kind(sk, tp);
	retransmit_count(flow, kind, segments);
	retransmit_count(flow, TCPPERF_RETRANSMIT_BYTES + kind, skb->len);
}

static __always_inline void retransmit_on_synack_retransmit(const struct endpoints *ends)
{
	if (cfg_retransmit)
		count_in(&retrans_count,
			 ENDS_CELL(ends, retransmit, TCPPERF_RETRANSMIT_COUNTERS, TCPPERF_RETRANSMIT_SYNACK), 1);
}

/* What was sent since the last time, from the socket's own counter: at every sampling, and when the socket ends. */
static __always_inline void retransmit_count_sent(struct flow *flow, const struct tcp_sock *tp)
{
	if (cfg_retransmit)
		retransmit_count(flow, TCPPERF_RETRANSMIT_SENT, advance32(&flow->data_segments, tp->data_segs_out));
}

#endif
