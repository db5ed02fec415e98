/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A TCP socket is about to be freed: the last look at its own counters. */
#include "probes/congestion.bpf.h"
#include "probes/life.bpf.h"
#include "probes/order.bpf.h"
#include "probes/retransmit.bpf.h"
#include "probes/socket.bpf.h"
#include "probes/throughput.bpf.h"
#include "probes/time.bpf.h"

static __always_inline void last_look(struct sock *sk, const struct tcp_sock *tp)
{
	/* A socket that was never seen was never a connection. */
	struct flow *flow = flows_find(sk);
	u64 now_ns;

	if (!flow || flow->verdict != VERDICT_MEASURE)
		return;
	if (cfg_group_dimensions && !flow->grouped && flow->established)
		flow_group(flow, sk);
	retransmit_count_sent(flow, tp);
	time_on_destroy(flow, tp);
	/* Its end was seen, but for a run of on_state that was skipped because the program was running on this CPU. */
	if (flow->closed)
		return;
	throughput_count(flow, sk, tp);
	now_ns = bpf_ktime_get_ns();
	life_on_close(flow, sk, tp, now_ns);
	congestion_on_close(flow, now_ns);
	order_count(flow, tp);
	socket_count(flow, sk);
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(on_destroy, struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);

	if (!tp)
		return 0;
	last_look(sk, tp);
	flow_end(sk);
	return 0;
}
