/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every TCP socket that is open as a file, once, before the other programs are attached: who owns it, and from where
 * its counters count. A socket that several processes have open belongs to the first of them.
 */
#include "lib/flow.bpf.h"

SEC("iter/task_file")
int on_seed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct tcp_sock *tp;
	struct flow *flow;
	struct sock *sk;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk || sk->sk_protocol != IPPROTO_TCP)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	flow = flow_find(sk, tp, FLOW_GOES_ON);
	if (!flow || flow->verdict != VERDICT_MEASURE)
		return 0;
	/* Without the socket's lock its counters may have been read in the middle of a change. */
	if (flow->older && flow->role != flow_role_of_older(sk, tp))
		flow->role = TCPPERF_ROLE_UNKNOWN;
	if (groups_by_owner() && !flow->owner_known && owner_set(sk, task)) {
		flow->owner_known = 1;
		flow->grouped = 0;
	}
	if (cfg_group_dimensions && !flow->grouped)
		flow_group(flow, sk);
	return 0;
}
