/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every socket with a flow state, at every reading: what its own counters have gained, and which groups it refers to.
 * Not under the socket's lock, so hooks may run on the same flow: see advance64().
 */
#include "probes/congestion.bpf.h"
#include "probes/life.bpf.h"
#include "probes/listener.bpf.h"
#include "probes/order.bpf.h"
#include "probes/retransmit.bpf.h"
#include "probes/socket.bpf.h"
#include "probes/stall.bpf.h"
#include "probes/throughput.bpf.h"
#include "probes/time.bpf.h"

/* A slot that a socket refers to must not be given back. */
static __always_inline void count_references(const struct flow *flow)
{
	for (u32 i = 0; i < TCPPERF_GROUPINGS; i++) {
		struct tcpperf_group *entry;

		if (!group_dimensions(i))
			break;
		entry = group_entry(i, flow->slot[i]);
		if (entry)
			__sync_fetch_and_add(&entry->sockets, 1);
	}
}

static __always_inline void look_at(struct flow *flow, struct sock *sk, const struct tcp_sock *tp)
{
	u32 weight = sampling_weight(sk);

	/* Of a closed socket the last look was taken when it closed, and tcp_disconnect() may be clearing its counters.
	 */
	if (sk->__sk_common.skc_state == TCP_CLOSE || flow->verdict != VERDICT_MEASURE)
		return;
	retransmit_count_sent(flow, tp);
	throughput_on_sample(flow, sk, tp);
	life_on_sample(flow, sk);
	time_on_sample(flow, tp);
	if (flow->unaccepted) {
		u64 wait_ns = flow_accepted(flow, sk);

		listener_on_accepted(flow, wait_ns, weight);
		stall_on_accepted(flow, wait_ns, weight);
	}
	listener_on_sample(flow, sk, tp);
	stall_on_sample(flow, sk, tp, weight);
	congestion_on_sample(flow, tp);
	order_count(flow, tp);
	socket_on_sample(flow, sk, tp);
	/* Last: an end that came while one of the above had claimed the flow. */
	time_settle(flow, tp);
}

#ifndef TCPPERF_OLDER_KERNELS

SEC("iter/bpf_sk_storage_map")
int on_sample(struct bpf_iter__bpf_sk_storage_map *ctx)
{
	struct flow *flow = ctx->value;
	struct sock *sk = ctx->sk;
	struct tcp_sock *tp;

	if (!flow || !sk)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || flow->verdict == VERDICT_IGNORE)
		return 0;
	/* Also of a flow that is about to be grouped anew: until then its numbers go where they went. */
	count_references(flow);
	look_at(flow, sk, tp);
	return 0;
}

#else

/* The sockets of one network namespace, but for those that are closed. */
SEC("iter/tcp")
int on_sample(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct tcp_sock *tp;
	struct flow *flow;
	struct sock *sk;

	if (!common)
		return 0;
	tp = bpf_skc_to_tcp_sock(common);
	if (!tp)
		return 0;
	sk = (struct sock *)tp;
	flow = flows_find(sk);
	if (flow)
		look_at(flow, sk, tp);
	return 0;
}

/* The flow states of all network namespaces. */
SEC("iter/bpf_map_elem")
int on_references(struct bpf_iter__bpf_map_elem *ctx)
{
	struct flow *flow = ctx->value;

	if (flow && flow->verdict != VERDICT_IGNORE)
		count_references(flow);
	return 0;
}

#endif
