/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A process reads from or writes to a socket: only attached when connections are told apart by process. */
#include "lib/flow.bpf.h"

static __always_inline int user_acts(struct sock *sk)
{
	struct tcp_sock *tp;
	struct flow *flow;

	/* One of its calls will do, so it is only found out later. */
	if (sk->sk_protocol != IPPROTO_TCP || sampling_passes_over(sk))
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	flow = flows_find(sk);
	if (!flow || flow->owner_known || flow->verdict != VERDICT_MEASURE)
		return 0;
	flow_bind_owner(flow, sk);
	if (!flow->grouped)
		flow_group(flow, sk);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(on_user_send, struct sock *sk)
{
	return user_acts(sk);
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(on_user_receive, struct sock *sk)
{
	return user_acts(sk);
}
