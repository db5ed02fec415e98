/* SPDX-License-Identifier: GPL-2.0 */
/* reset: who breaks off connections, and why? Resets sent (with the kernel's reason) and received. */
#ifndef TCPPERF_PROBES_RESET_H
#define TCPPERF_PROBES_RESET_H

#include "lib/endpoints.bpf.h"
#include "lib/maps.bpf.h"
#include "abi/counters.h"

const volatile bool cfg_reset;
/* tcp_send_reset has a reason argument (6.10). */
const volatile bool kernel_reset_reason;

/* Written by every CPU, atomically; fixed size; never deleted. */
COUNTER_ARRAY(reset_count, TCPPERF_RESET_COUNTERS);

/* `skb` is the packet that is answered, NULL when we reset on our own; `sk` may be NULL when there is a packet. */
static __always_inline void reset_on_send(const struct sock *sk, const struct sk_buff *skb, u32 reason)
{
	struct endpoints ends = {};

	if (!cfg_reset)
		return;
	if (filter_active()) {
		if (skb)
			endpoints_of_packet(skb, &ends);
		else if (sk)
			endpoints_of_socket(sk, &ends);
		if (filter_judge(&ends) != VERDICT_MEASURE)
			return;
	}
	count_in(&reset_count, reason < TCPPERF_RESET_REASONS ? reason : TCPPERF_RESET_OTHER, 1);
}

static __always_inline void reset_on_receive(const struct sock *sk)
{
	struct endpoints ends = {};

	if (!cfg_reset)
		return;
	if (filter_active()) {
		endpoints_of_socket(sk, &ends);
		if (filter_judge(&ends) != VERDICT_MEASURE)
			return;
	}
	count_in(&reset_count, TCPPERF_RESET_RECEIVED, 1);
}

#endif
