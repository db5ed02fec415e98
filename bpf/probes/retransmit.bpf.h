/* SPDX-License-Identifier: GPL-2.0 */
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

static __always_inline void retransmit_on_retransmit(const struct sock *sk, const struct tcp_sock *tp,
						     const struct sk_buff *skb, int err)
{
	enum tcpperf_retransmit_kind kind;
	const struct tcp_skb_cb *control = (const void *)&skb->cb;
	u32 segments;

	if (!cfg_retransmit)
		return;
	if (err) {
		count_in(&retrans_count, TCPPERF_RETRANSMIT_FAILED, 1);
		return;
	}
	segments = BPF_CORE_READ(control, tcp_gso_segs);
	kind = retransmit_kind(sk, tp);
	count_in(&retrans_count, kind, segments);
	count_in(&retrans_count, TCPPERF_RETRANSMIT_BYTES + kind, skb->len);
}

static __always_inline void retransmit_on_synack_retransmit(void)
{
	if (cfg_retransmit)
		count_in(&retrans_count, TCPPERF_RETRANSMIT_SYNACK, 1);
}

/* Called wherever the flow is at hand: what was sent since then, from the socket's own counter. */
static __always_inline void retransmit_count_sent(struct flow *flow, const struct tcp_sock *tp)
{
	u32 sent, since;

	if (!cfg_retransmit)
		return;
	sent = tp->data_segs_out;
	since = sent - flow->data_segments;
	if (since == 0)
		return;
	flow->data_segments = sent;
	if ((s32)since < 0)
		since = sent; /* tcp_disconnect() began a new count; never so many in one go */
	count_in(&retrans_count, TCPPERF_RETRANSMIT_SENT, since);
}

#endif
