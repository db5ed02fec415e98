/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A socket changes its TCP state. */
#include "probes/congestion.bpf.h"
#include "probes/handshake.bpf.h"
#include "probes/life.bpf.h"
#include "probes/listener.bpf.h"
#include "probes/order.bpf.h"
#include "probes/reconciliation.bpf.h"
#include "probes/retransmit.bpf.h"
#include "probes/rtt.bpf.h"
#include "probes/socket.bpf.h"
#include "probes/stall.bpf.h"
#include "probes/state.bpf.h"
#include "probes/throughput.bpf.h"
#include "probes/time.bpf.h"

/*
 * Read anew for each handler, so that what one of them has learned of it is forgotten behind it: the verifier would
 * follow every combination of what is known of both states through all the rest, and take a second for that.
 */
#define FROM ((int)*(volatile unsigned long long *)&ctx[1])
#define TO ((int)*(volatile unsigned long long *)&ctx[2])

static __always_inline enum flow_moment moment_of(int from, int to)
{
	if (to == TCP_SYN_SENT || to == TCP_LISTEN)
		return FLOW_BEGINS;
	if (from == TCP_LISTEN && to == TCP_SYN_RECV)
		return FLOW_ARRIVES;
	return from == TCP_SYN_RECV ? FLOW_BEGINS_IF_NEW : FLOW_GOES_ON;
}

SEC("tp_btf/inet_sock_set_state")
int on_state(unsigned long long *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow *flow;
	u64 now_ns;
	u32 weight;

	if (!tp)
		return 0;
	reconciliation_on_state(sk, tp, FROM, TO);
	/* listen(): whatever the filter says of the listener, its connections inherit the owner. */
	if (TO == TCP_LISTEN && groups_by_owner())
		owner_set(sk, (const struct task_struct *)bpf_get_current_task());
	flow = flow_find(sk, tp, moment_of(FROM, TO));
	if (!flow)
		return 0;
	now_ns = bpf_ktime_get_ns(); /* not before began_ns of a flow that begins here */
	weight = sampling_weight(sk);
	flow_on_state(flow, sk, tp, FROM, TO);
	if ((cfg_listener || cfg_stall) && FROM == TCP_LISTEN && TO == TCP_SYN_RECV)
		flow->unaccepted = 1;
	rtt_on_state(flow, tp, FROM, TO, weight);
	listener_on_state(flow, sk, FROM, TO);
	if (flow->unaccepted) {
		u64 wait_ns = flow_accepted(flow, sk);

		listener_on_accepted(flow, wait_ns, weight);
		stall_on_accepted(flow, wait_ns, weight);
	}
	stall_on_state(flow, tp, FROM, TO, now_ns, weight);
	if (TO == TCP_CLOSE) {
		retransmit_count_sent(flow, tp);
		throughput_count(flow, sk, tp);
		life_on_close(flow, sk, tp, now_ns);
		order_count(flow, tp);
		socket_count(flow, sk);
		flow->closed = 1;
	}
	time_on_state(flow, tp, FROM, TO, now_ns);
	congestion_on_state(flow, tp, TO, now_ns);
	order_on_state(flow, tp, TO);
	handshake_on_state(flow, sk, tp, FROM, TO, now_ns);
	state_on_state(flow, FROM, TO, now_ns);
	return 0;
}
