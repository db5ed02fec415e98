/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What the kernel itself says about its RTT samples: the sock_ops callback that tcp_rtt_estimator() makes, once per
 * round trip, with the sample it was given (since 6.10). Independent of tcpperf's own way to them. And of its timeouts:
 * the callback at each of them, of which the first of a series counts.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct totals {
	__u64 samples;
	__u64 sum_us;
	__u64 first_timeouts;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct totals);
} oracle_totals SEC(".maps");

/* 10.77.0.0/24 or fd77::/64: the network pair of the tests. The verifier wants each field loaded from the context
 * itself. */
static __always_inline int in_pair(struct bpf_sock_ops *ops)
{
	__u32 family = ops->family;
	__u32 v4 = ops->local_ip4;
	__u32 v6_first = ops->local_ip6[0];
	__u32 v6_third = ops->local_ip6[2];
	__u32 v6_last = ops->local_ip6[3];

	barrier_var(v4);
	barrier_var(v6_first);
	barrier_var(v6_third);
	barrier_var(v6_last);
	if (family == 2 /* AF_INET */)
		return (v4 & bpf_htonl(0xffffff00)) == bpf_htonl(0x0a4d0000);
	return v6_first == bpf_htonl(0xfd770000) ||
	       (v6_third == bpf_htonl(0xffff) && (v6_last & bpf_htonl(0xffffff00)) == bpf_htonl(0x0a4d0000));
}

SEC("sockops")
int rtt_oracle(struct bpf_sock_ops *ops)
{
	__u32 zero = 0;
	struct totals *totals;

	if (!in_pair(ops))
		return 1;
	if (ops->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB) {
		bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_RTT_CB_FLAG | BPF_SOCK_OPS_RTO_CB_FLAG);
	} else if (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB) {
		bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_RTT_CB_FLAG);
	} else if (ops->op == BPF_SOCK_OPS_RTO_CB) {
		/* args[0]: how often it was sent again before */
		totals = bpf_map_lookup_elem(&oracle_totals, &zero);
		if (totals && !ops->args[0])
			__sync_fetch_and_add(&totals->first_timeouts, 1);
	} else if (ops->op == BPF_SOCK_OPS_RTT_CB) {
		totals = bpf_map_lookup_elem(&oracle_totals, &zero);
		if (totals) {
			__sync_fetch_and_add(&totals->samples, 1);
			__sync_fetch_and_add(&totals->sum_us, ops->args[0]);
		}
	}
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
