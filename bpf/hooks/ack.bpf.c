/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every segment that arrives on an ESTABLISHED connection, before it is processed. The hot path. Below, `weight` is for
 * how many connections the flow stands.
 */
#include "probes/congestion.bpf.h"
#include "probes/listener.bpf.h"
#include "probes/rtt.bpf.h"
#include "probes/stall.bpf.h"
#include "probes/time.bpf.h"
#include "probes/window.bpf.h"

SEC("tp_btf/tcp_probe")
int BPF_PROG(on_ack, struct sock *sk)
{
	u32 weight = sampling_weight_on_hot_path(sk);
	struct tcp_sock *tp;
	struct flow *flow;

	if (!weight)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	flow = flow_of(sk, tp);
	if (!flow)
		return 0;
	rtt_on_ack(flow, tp, weight);
	window_on_ack(flow, tp, weight);
	stall_on_ack(flow, tp, weight);
	if ((cfg_congestion || cfg_listener || cfg_stall || cfg_time) && flow_look_is_due(flow)) {
		if (cfg_time)
			time_on_look(flow, tp, bpf_ktime_get_ns());
		if (flow->unaccepted) {
			u64 wait_ns = flow_accepted(flow, sk);

			listener_on_accepted(flow, wait_ns, weight);
			stall_on_accepted(flow, wait_ns, weight);
		}
		stall_on_look(flow, sk, tp, weight);
		congestion_on_look(flow, tp);
	}
	return 0;
}
