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

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_state, struct sock *sk, int from, int to)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct flow *flow;
	u64 now_ns;

	if (!tp)
		return 0;
	reconciliation_on_state(sk, tp, from, to);
	/* listen(): whatever the filter says of the listener, its connections inherit the owner. */
	if (to == TCP_LISTEN && groups_by_owner())
		owner_set(sk, (const struct task_struct *)bpf_get_current_task());
	flow = flow_find(sk, tp,
			 to == TCP_SYN_SENT || to == TCP_LISTEN	    ? FLOW_BEGINS
			 : from == TCP_LISTEN && to == TCP_SYN_RECV ? FLOW_ARRIVES
			 : from == TCP_SYN_RECV			    ? FLOW_BEGINS_IF_NEW
								    : FLOW_GOES_ON);
	if (!flow)
		return 0;
	now_ns = bpf_ktime_get_ns(); /* not before began_ns of a flow that begins here */
	flow_on_state(flow, sk, tp, from, to);
	if ((cfg_listener || cfg_stall) && from == TCP_LISTEN && to == TCP_SYN_RECV)
		flow->unaccepted = 1;
	rtt_on_state(flow, tp, from, to);
	listener_on_state(flow, sk, from, to);
	if (flow->unaccepted) {
		u64 wait_ns = flow_accepted(flow, sk);

		listener_on_accepted(flow, wait_ns);
		stall_on_accepted(flow, wait_ns);
	}
	stall_on_state(flow, tp, from, to, now_ns);
	if (to == TCP_CLOSE) {
		retransmit_count_sent(flow, tp);
		throughput_count(flow, sk, tp);
		life_on_close(flow, sk, tp, now_ns);
		order_count(flow, tp);
		socket_count(flow, sk);
		flow->closed = 1;
	}
	time_on_state(flow, tp, from, to, now_ns);
	congestion_on_state(flow, tp, to, now_ns);
	order_on_state(flow, tp, to);
	handshake_on_state(flow, sk, tp, from, to, now_ns);
	state_on_state(flow, from, to, now_ns);
	return 0;
}
