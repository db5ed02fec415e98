/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* accept() has taken a connection out of its listener's queue. Not under the connection's lock. */
#include "probes/listener.bpf.h"
#include "probes/stall.bpf.h"

/* inet_csk_accept() takes flags and more (before 6.10), else two arguments; what it returns is behind them. */
const volatile bool kernel_accept_flags;

/* The compiler would add the two cases' difference to `ctx`, which the verifier refuses. */
#define WHAT_IT_RETURNS(ctx, arguments)                                                                                \
	({                                                                                                             \
		struct sock *returned;                                                                                 \
		asm volatile("%0 = *(u64 *)(%1 + %2)" : "=r"(returned) : "r"(ctx), "i"(8 * (arguments)));              \
		returned;                                                                                              \
	})

SEC("fexit/inet_csk_accept")
int on_accept(unsigned long long *ctx)
{
	struct sock *sk;
	struct flow *flow;
	u64 wait_ns;

	if (kernel_accept_flags)
		sk = WHAT_IT_RETURNS(ctx, 4);
	else
		sk = WHAT_IT_RETURNS(ctx, 2);
	if (!sk)
		return 0;
	flow = flows_find(sk);
	if (!flow || flow->verdict != VERDICT_MEASURE)
		return 0;
	/* Seen of every connection, so each stands for itself. */
	wait_ns = flow_accepted_now(flow);
	listener_on_accepted(flow, wait_ns, 1);
	stall_on_accepted(flow, wait_ns, 1);
	return 0;
}
