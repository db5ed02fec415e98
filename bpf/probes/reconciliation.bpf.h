/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * reconciliation: do our events agree with the kernel's own counters?
 *
 * The counters are those of one network namespace, so the events are counted for its sockets alone: of every one,
 * whatever the filter says, and without a flow state, so that nothing but a missed event can make a difference.
 */
#ifndef TCPPERF_PROBES_RECONCILIATION_H
#define TCPPERF_PROBES_RECONCILIATION_H

#include "lib/flow.bpf.h"

const volatile bool cfg_reconciliation;
/* Inode number of the network namespace; 0 is none. */
const volatile u32 cfg_reconciliation_netns;

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(reconciled, TCPPERF_RECONCILED_COUNTERS);

static __always_inline void reconciliation_count(u32 netns, enum tcpperf_reconciled counter, u64 amount)
{
	if (netns == cfg_reconciliation_netns)
		count_in(&reconciled, counter, amount);
}

static __always_inline u32 netns_of_common(const struct sock_common *common)
{
	return BPF_CORE_READ(common, skc_net.net, ns.inum);
}

/*
 * ActiveOpens counts SYNs sent for the first time, and a socket can fail before that. EstabResets is what the kernel
 * calls every end without the usual exchange of FINs.
 */
static __always_inline void reconciliation_on_state(const struct sock *sk, const struct tcp_sock *tp, int from, int to)
{
	enum tcpperf_reconciled counter;

	if (!cfg_reconciliation)
		return;
	if (to == TCP_SYN_SENT)
		counter = TCPPERF_RECONCILED_ACTIVE_OPENS;
	else if (from == TCP_SYN_SENT && to == TCP_CLOSE && tp->segs_out == 0)
		counter = TCPPERF_RECONCILED_NOT_SENT;
	else if (from == TCP_LISTEN && to == TCP_SYN_RECV)
		counter = TCPPERF_RECONCILED_PASSIVE_OPENS;
	else if ((from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT) && to == TCP_CLOSE)
		counter = TCPPERF_RECONCILED_ESTABLISHED_RESETS;
	else
		return;
	reconciliation_count(netns_of_common(&sk->__sk_common), counter, 1);
}

static __always_inline void reconciliation_on_retransmit(const struct sock *sk, const struct sk_buff *skb, int err)
{
	const struct tcp_skb_cb *control = (const void *)&skb->cb;
	u8 state;
	u32 netns;

	if (!cfg_reconciliation || err)
		return;
	state = sk->__sk_common.skc_state;
	netns = netns_of_common(&sk->__sk_common);
	reconciliation_count(netns, TCPPERF_RECONCILED_RETRANSMITS, BPF_CORE_READ(control, tcp_gso_segs));
	if (state == TCP_SYN_SENT || state == TCP_SYN_RECV)
		reconciliation_count(netns, TCPPERF_RECONCILED_SYN_RETRANSMITS, 1);
}

/* A SYN-ACK that was sent again counts as both. */
static __always_inline void reconciliation_on_synack_retransmit(const struct request_sock *req)
{
	u32 netns;

	if (!cfg_reconciliation)
		return;
	netns = netns_of_common(&req->__req_common);
	reconciliation_count(netns, TCPPERF_RECONCILED_RETRANSMITS, 1);
	reconciliation_count(netns, TCPPERF_RECONCILED_SYN_RETRANSMITS, 1);
}

/* `sk` may be NULL when there is a packet that is answered. */
static __always_inline void reconciliation_on_reset_send(const struct sock *sk, const struct sk_buff *skb)
{
	u32 netns = 0;

	if (!cfg_reconciliation)
		return;
	if (sk)
		netns = netns_of_common(&sk->__sk_common);
	else if (skb)
		netns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
	reconciliation_count(netns, TCPPERF_RECONCILED_RESETS_SENT, 1);
}

#endif
