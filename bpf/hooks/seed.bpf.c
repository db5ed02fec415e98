/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Every TCP socket that is open as a file, once, before the other programs are attached: who owns it, and from where
 * its counters count. A socket that several processes have open belongs to the first of them.
 */
#include "probes/time.bpf.h"

/* `owned`: its owner is known. */
static __always_inline void seed(struct sock *sk, const struct tcp_sock *tp, bool owned)
{
	struct flow *flow = flow_find(sk, tp, FLOW_GOES_ON);

	if (!flow || flow->verdict != VERDICT_MEASURE)
		return;
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
}

#ifndef TCPPERF_OLDER_KERNELS

SEC("iter/task_file")
int on_seed(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct tcp_sock *tp;
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
	seed(sk, tp, owned);
	return 0;
}

#else

/*
 * Before 5.11 (kernel commit a50a85e40c59) no helper finds the socket of a file, and what is found without is no
 * pointer to the verifier: it will do for the owner. Runs before on_seed.
 */
SEC("iter/task_file")
int on_seed_owner(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;
	u16 family;

	if (!groups_by_owner() || !task || !file || file->f_inode->i_sb->s_magic != SOCKFS_MAGIC)
		return 0;
	socket = file->private_data;
	sk = BPF_CORE_READ(socket, sk);
	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if ((family == AF_INET || family == AF_INET6) && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_CLOSE)
		owner_seed(sk, task);
	return 0;
}

/* The sockets of one network namespace, whether open as a file or not. */
SEC("iter/tcp")
int on_seed(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct tcp_sock *tp;
	struct sock *sk;

	if (!common)
		return 0;
	tp = bpf_skc_to_tcp_sock(common);
	if (!tp)
		return 0;
	sk = (struct sock *)tp;
	seed(sk, tp, groups_by_owner() && owners_find(sk));
	return 0;
}

#endif
