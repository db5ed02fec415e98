/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One state per socket, for all probes, in socket-local storage: the kernel frees it with the socket. Looking it up
 * costs about as much as everything else a hook does, so a hook does it once and hands it to every handler.
 *
 * All hooks that use it run with the socket locked (by its owner or in softirq), so plain writes suffice.
 */
#ifndef TCPPERF_LIB_FLOW_H
#define TCPPERF_LIB_FLOW_H

#include "lib/endpoints.bpf.h"
#include "lib/lost.bpf.h"

struct flow {
	u64 connect_started_ns; /* handshake: CLOSE -> SYN_SENT; 0 = not a client, or not seen */
	u64 state_entered_ns;	/* state: 0 = entered before we looked */
	u64 rtt_observed_us;	/* rtt: tcp_mstamp of the last sample recorded */
	u32 srtt_us8;		/* rtt: srtt_us (us << 3) after the last sample seen */
	u32 mdev_us4;		/* rtt: mdev_us (us << 2), likewise */
	u32 delivered;		/* rtt: likewise */
	u32 data_segments;	/* retransmit: data_segs_out already counted */
	u32 epoch;		/* of the programs that wrote this last */
	u8 verdict;		/* filter: enum verdict */
	u8 deferred_syn;	/* state: CLOSE -> SYN_SENT seen while the filter was undecided */
};

/* One per TCP socket seen, allocated at first sight. Without memory the event is lost and counted. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct flow);
} flows SEC(".maps");

/*
 * Counts the sets of programs that have used these states. Between two sets some events are missed, so what is derived
 * from two consecutive values of a socket must begin anew.
 */
const volatile u32 cfg_epoch;

/* What already happened on a socket before we saw it is not ours to count. */
static __always_inline void flow_skip_gap(struct flow *flow, const struct tcp_sock *tp)
{
	flow->epoch = cfg_epoch;
	flow->srtt_us8 = tp->srtt_us;
	flow->mdev_us4 = tp->mdev_us;
	flow->delivered = tp->delivered;
}

/* A socket is seen for the first time, or begins a new life: everything about its last one is void, the filter too. */
static __always_inline void flow_begin(struct flow *flow, const struct tcp_sock *tp)
{
	__builtin_memset(flow, 0, sizeof(*flow));
	flow_skip_gap(flow, tp);
	flow->data_segments = tp->data_segs_out;
}

static __always_inline void flow_judge(struct flow *flow, const struct sock *sk)
{
	struct endpoints ends;

	if (!filter_active()) {
		flow->verdict = VERDICT_MEASURE;
		return;
	}
	endpoints_of_socket(sk, &ends);
	flow->verdict = filter_judge(&ends);
}

/*
 * The flow of a full TCP socket, or NULL when it is filtered out or has no memory. `begins`: the socket connects or
 * listens from now on; it may have had a connection before. A flow whose verdict is still undecided is returned: only
 * the state hook sees such sockets.
 */
static __always_inline struct flow *flow_of(struct sock *sk, const struct tcp_sock *tp, bool begins)
{
	struct flow *flow = bpf_sk_storage_get(&flows, sk, NULL, 0);

	if (!flow) {
		flow = bpf_sk_storage_get(&flows, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
		if (!flow) {
			lost(TCPPERF_LOST_FLOW);
			return NULL;
		}
		begins = true;
	}
	if (begins)
		flow_begin(flow, tp);
	else if (flow->epoch != cfg_epoch)
		flow_skip_gap(flow, tp);
	if (flow->verdict == VERDICT_UNDECIDED)
		flow_judge(flow, sk);
	return flow->verdict == VERDICT_IGNORE ? NULL : flow;
}

#endif
