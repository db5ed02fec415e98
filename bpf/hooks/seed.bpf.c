/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every TCP socket that is open as a file, once, before the other programs are attached: who owns it, and from where
 * its counters count. A socket that several processes have open belongs to the first of them.
 */
#include "probes/time.bpf.h"

SEC("iter/task_file")
int on_seed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct tcp_sock *tp;
	struct flow *flow;
	struct sock *sk;
	bool owned = false;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	/* A socket that is not connected will be seen when it connects. */
	if (!tp || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	/* Whatever the filter says of a listener: its connections inherit the owner. */
	if (groups_by_owner())
		owned = owner_seed(sk, task);
	flow = flow_find(sk, tp, FLOW_GOES_ON);
	if (!flow || flow->verdict != VERDICT_MEASURE)
		return 0;
	/* Without the socket's lock its counters may have been read in the middle of a change. */
	if (flow->older && flow->role != flow_role_of_older(sk, tp))
		flow->role = TCPPERF_ROLE_UNKNOWN;
	if (owned && !flow->owner_known) {
		flow->owner_known = 1;
		flow->grouped = 0;
	}
	if (cfg_group_dimensions && !flow->grouped)
		flow_group(flow, sk);
	time_on_sample(flow, tp);
	return 0;
}
