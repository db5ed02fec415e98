/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * A socket's packet passes IP output, before any device: under the socket's lock, so once per packet however many
 * devices it will cross. The kernel runs it only for the socket that the packet belongs to and is sent by, so not for
 * the outer packets of a tunnel. (A tracepoint on a device sees skb->sk only as a pointer that the helpers refuse.)
 */
#include "probes/window.bpf.h"

#define LET_IT_PASS 1

SEC("cgroup_skb/egress")
int on_transmit(struct __sk_buff *skb)
{
	struct bpf_sock *owner = skb->sk;
	struct tcp_sock *tp;
	struct flow *flow;
	struct sock *sk;
	u32 weight;

	if (!owner)
		return LET_IT_PASS;
	tp = bpf_skc_to_tcp_sock(owner);
	if (!tp)
		return LET_IT_PASS;
	sk = (struct sock *)tp;
	/* A SYN-ACK belongs to the listener. */
	if (sk->__sk_common.skc_state == TCP_LISTEN)
		return LET_IT_PASS;
	weight = sampling_weight_on_hot_path(sk);
	if (!weight)
		return LET_IT_PASS;
	flow = flow_of(sk, tp);
	if (!flow)
		return LET_IT_PASS;
	window_on_transmit(flow, tp, skb->gso_segs ? skb->gso_segs : 1, weight);
	return LET_IT_PASS;
}
