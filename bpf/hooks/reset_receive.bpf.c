/* SPDX-License-Identifier: GPL-2.0 */
/* A RST arrived for a socket. */
#include "probes/reset.bpf.h"

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(on_reset_recv, struct sock *sk)
{
	reset_on_receive(sk);
	return 0;
}
