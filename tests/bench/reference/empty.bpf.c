/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Does nothing on the hot path's event: what the kernel's own measurement of a program costs. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tp_btf/tcp_probe")
int empty(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
