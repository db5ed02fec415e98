/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A SYN-ACK was sent again. The connection has no socket of its own yet. */
#include "probes/handshake.bpf.h"
#include "probes/reconciliation.bpf.h"
#include "probes/retransmit.bpf.h"

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(on_synack, struct sock *listener, struct request_sock *req)
{
	struct endpoints ends;

	reconciliation_on_synack_retransmit(req);
	endpoints_of_common(&req->__req_common, &ends);
	if (filter_active() && filter_judge(&ends) != VERDICT_MEASURE)
		return 0;
	handshake_on_synack_retransmit(req);
	retransmit_on_synack_retransmit(&ends);
	return 0;
}
