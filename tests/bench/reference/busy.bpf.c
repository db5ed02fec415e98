/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Waits on the hot path's event, and touches no memory but its own: what time alone costs there. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define MOST_LOOKS 1024

const volatile unsigned long long wait_ns = 0;

SEC("tp_btf/tcp_probe")
int busy(void *ctx)
{
	unsigned long long begun = bpf_ktime_get_ns();

	for (int i = 0; i < MOST_LOOKS && bpf_ktime_get_ns() - begun < wait_ns; ++i)
		;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
