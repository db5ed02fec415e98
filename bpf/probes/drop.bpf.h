/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * drop: which TCP packets did this host throw away, and why?
 *
 * Both paths: the packet's own IP header says that it is TCP, so packets without a socket, or whose socket was taken
 * from them on the receive path, count too. A packet is one sk_buff, however many segments it carries. Purged queues
 * are not drops.
 */
#ifndef TCPPERF_PROBES_DROP_H
#define TCPPERF_PROBES_DROP_H

#include "lib/flow.bpf.h"

const volatile bool cfg_drop;
PROBE_GROUPS(drop);
/* Numbers of enum skb_drop_reason on this kernel; ~0 when it has no such reason. */
const volatile u32 kernel_drop_not_specified = 2;
const volatile u32 kernel_drop_queue_purge = ~0U;

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(drop_count, TCPPERF_DROP_COUNTERS);

/* Before it has an IP header, a packet that we send is known by its socket. */
static __always_inline bool drop_is_measured(const struct sk_buff *skb, struct endpoints *ends)
{
	const struct sock *sk;

	if (!endpoints_of_packet(skb, ends)) {
		sk = skb->sk;
		if (skb->protocol != 0 || !sk || sk->__sk_common.skc_state == TCP_TIME_WAIT ||
		    sk->__sk_common.skc_state == TCP_NEW_SYN_RECV || sk->sk_protocol != IPPROTO_TCP)
			return false;
		endpoints_of_socket(sk, ends);
	}
	return !filter_active() || filter_judge(ends) == VERDICT_MEASURE;
}

static __always_inline void drop_on_free(const struct sk_buff *skb, u32 reason)
{
	struct endpoints ends = {};
	u32 cell = reason;

	if (!cfg_drop || reason < kernel_drop_not_specified || reason == kernel_drop_queue_purge)
		return;
	if (!drop_is_measured(skb, &ends))
		return;
	if (reason == kernel_drop_not_specified)
		cell = TCPPERF_DROP_UNSPECIFIED;
	else if (reason >= TCPPERF_DROP_REASONS)
		cell = TCPPERF_DROP_SUBSYSTEM;
	count_in(&drop_count, ENDS_CELL(&ends, drop, TCPPERF_DROP_COUNTERS, cell), 1);
}

#endif
