/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Which element of a probe's counter array means what. Shared by the BPF handlers and the descriptors. */
#ifndef TCPPERF_ABI_COUNTERS_H
#define TCPPERF_ABI_COUNTERS_H

#include "types.h"

/* Elements of the histogram and counter arrays of `handshake` that exist per role. */
enum tcpperf_role { TCPPERF_CLIENT, TCPPERF_SERVER, TCPPERF_ROLES };

enum tcpperf_connect_failure {
	TCPPERF_CONNECT_REFUSED,
	TCPPERF_CONNECT_TIMEOUT,
	TCPPERF_CONNECT_UNREACHABLE,
	TCPPERF_CONNECT_RESET,
	TCPPERF_CONNECT_OTHER,
	TCPPERF_CONNECT_FAILURES
};

/* handshake_count: connects per role, then failures per reason. */
#define TCPPERF_HANDSHAKE_FAILURE TCPPERF_ROLES
#define TCPPERF_HANDSHAKE_COUNTERS (TCPPERF_ROLES + TCPPERF_CONNECT_FAILURES)

enum tcpperf_retransmit_kind {
	TCPPERF_RETRANSMIT_RTO,
	TCPPERF_RETRANSMIT_FAST,
	TCPPERF_RETRANSMIT_TLP,
	TCPPERF_RETRANSMIT_SYN,
	TCPPERF_RETRANSMIT_SYNACK,
	TCPPERF_RETRANSMIT_LOSS_RECOVERY,
	TCPPERF_RETRANSMIT_OTHER,
	TCPPERF_RETRANSMIT_KINDS
};

/* retrans_count: segments per kind, bytes per kind, then these. */
#define TCPPERF_RETRANSMIT_BYTES TCPPERF_RETRANSMIT_KINDS
#define TCPPERF_RETRANSMIT_FAILED (2 * TCPPERF_RETRANSMIT_KINDS)
#define TCPPERF_RETRANSMIT_SENT (2 * TCPPERF_RETRANSMIT_KINDS + 1)
#define TCPPERF_RETRANSMIT_COUNTERS (2 * TCPPERF_RETRANSMIT_KINDS + 2)

/* Kernel TCP state numbers run from 1 to 12; state_count is [from][to]. */
#define TCPPERF_STATES 13

/* drop_count: one per core reason (enum skb_drop_reason), then these. */
#define TCPPERF_DROP_REASONS 510
#define TCPPERF_DROP_SUBSYSTEM 510   /* reasons that a subsystem or module defines */
#define TCPPERF_DROP_UNSPECIFIED 511 /* freed by kfree_skb() without a reason */
#define TCPPERF_DROP_COUNTERS 512

/* reset_count: one per reason (enum sk_rst_reason), then these. */
#define TCPPERF_RESET_REASONS 62
#define TCPPERF_RESET_OTHER 62 /* reason unknown to this layout, or a kernel that gives none */
#define TCPPERF_RESET_RECEIVED 63
#define TCPPERF_RESET_COUNTERS 64

/* payload_bytes */
enum tcpperf_throughput {
	TCPPERF_THROUGHPUT_SENT,
	TCPPERF_THROUGHPUT_ACKED,
	TCPPERF_THROUGHPUT_RESENT,
	TCPPERF_THROUGHPUT_RECEIVED,
	TCPPERF_THROUGHPUT_COUNTERS
};

/* life_duration: whether the connection's beginning was seen. */
enum tcpperf_began { TCPPERF_BEGAN_SEEN, TCPPERF_BEGAN_BEFORE, TCPPERF_BEGAN_KINDS };

/* Bits of a set of perspectives: when a segment arrives, when one is sent. */
#define TCPPERF_WINDOW_RX 1
#define TCPPERF_WINDOW_TX 2

/* window_hist; the first three of rx, then of tx. */
enum tcpperf_window {
	TCPPERF_WINDOW_CONGESTION = 0,
	TCPPERF_WINDOW_INFLIGHT = 2,
	TCPPERF_WINDOW_RTT = 4,
	TCPPERF_WINDOW_SSTHRESH = 6,
	TCPPERF_WINDOW_SEND,
	TCPPERF_WINDOW_RECEIVE,
	TCPPERF_WINDOW_PACING,
	TCPPERF_WINDOW_RATE_APP_LIMITED,
	TCPPERF_WINDOW_RATE,
	TCPPERF_WINDOW_MIN_RTT,
	TCPPERF_WINDOW_BDP,
	TCPPERF_WINDOW_USED_CONGESTION,
	TCPPERF_WINDOW_USED_SEND,
	TCPPERF_WINDOW_HISTOGRAMS
};

/* time_spent */
enum tcpperf_time_limit {
	TCPPERF_TIME_IDLE,
	TCPPERF_TIME_APP,
	TCPPERF_TIME_CWND,
	TCPPERF_TIME_LOSS_RECOVERY,
	TCPPERF_TIME_RTO,
	TCPPERF_TIME_RWND,
	TCPPERF_TIME_READER,
	TCPPERF_TIME_SNDBUF,
	TCPPERF_TIME_PACING,
	TCPPERF_TIME_OTHER,
	TCPPERF_TIME_LIMITS
};

/* listener_now, counted anew by each sampling */
enum tcpperf_listener {
	TCPPERF_LISTENER_QUEUED,
	TCPPERF_LISTENER_LIMIT,
	TCPPERF_LISTENER_SYNS,
	TCPPERF_LISTENER_SOCKETS,
	TCPPERF_LISTENER_COOKIES,
	TCPPERF_LISTENER_COUNTERS
};

/* listener_worst, likewise; the greatest of each group */
enum tcpperf_listener_worst {
	TCPPERF_LISTENER_USED,	 /* 2^-20 of the queue */
	TCPPERF_LISTENER_OLDEST, /* ns */
	TCPPERF_LISTENER_WORST
};

/* reconciled: the kernel's own counters, counted again from events. */
enum tcpperf_reconciled {
	TCPPERF_RECONCILED_ACTIVE_OPENS,
	TCPPERF_RECONCILED_NOT_SENT, /* of these: ended before a SYN was sent */
	TCPPERF_RECONCILED_PASSIVE_OPENS,
	TCPPERF_RECONCILED_ESTABLISHED_RESETS,
	TCPPERF_RECONCILED_RETRANSMITS, /* segments */
	TCPPERF_RECONCILED_SYN_RETRANSMITS,
	TCPPERF_RECONCILED_RESETS_SENT,
	TCPPERF_RECONCILED_COUNTERS
};

/* stall_hist; of the first ones a flow remembers the beginning. */
enum tcpperf_stall {
	TCPPERF_STALL_RTO,
	TCPPERF_STALL_ZERO_WINDOW_PEER,
	TCPPERF_STALL_ZERO_WINDOW_OWN,
	TCPPERF_STALL_SEND_BUFFER,
	TCPPERF_STALL_UNREAD,
	TCPPERF_STALLS_REMEMBERED,
	TCPPERF_STALL_CONNECT = TCPPERF_STALLS_REMEMBERED,
	TCPPERF_STALL_ACCEPT,
	TCPPERF_STALL_CAUSES
};

/* stall_windows */
enum tcpperf_window_side { TCPPERF_WINDOW_OF_PEER, TCPPERF_WINDOW_OWN, TCPPERF_WINDOW_SIDES };

/* Congestion states (enum tcp_ca_state) run from 0 to 4. cong_count: nanoseconds per state, then changes [from][to]. */
#define TCPPERF_CONGESTION_STATES 5
#define TCPPERF_CONGESTION_CHANGE TCPPERF_CONGESTION_STATES
#define TCPPERF_CONGESTION_COUNTERS (TCPPERF_CONGESTION_STATES + TCPPERF_CONGESTION_STATES * TCPPERF_CONGESTION_STATES)

/* order_counts: connections established by what was negotiated, and what the sockets count. */
enum tcpperf_order {
	TCPPERF_ORDER_ECN_DISABLED,
	TCPPERF_ORDER_ECN_RFC3168,
	TCPPERF_ORDER_ECN_ACCECN,
	TCPPERF_ORDER_REORDERINGS,
	TCPPERF_ORDER_DSACK_DUPLICATES,
	TCPPERF_ORDER_OUT_OF_ORDER,
	TCPPERF_ORDER_RECEIVED,
	TCPPERF_ORDER_DELIVERED_CE,
	TCPPERF_ORDER_RECEIVED_CE,
	TCPPERF_ORDER_COUNTERS
};

/* socket_hist */
enum tcpperf_socket_queue {
	TCPPERF_SOCKET_RECEIVE_QUEUE,
	TCPPERF_SOCKET_SEND_QUEUE,
	TCPPERF_SOCKET_UNSENT,
	TCPPERF_SOCKET_RECEIVE_USED,
	TCPPERF_SOCKET_SEND_USED,
	TCPPERF_SOCKET_HISTOGRAMS
};

/* storage_entries: of the maps of what is remembered of sockets, where these are hashes (bpf/lib/socket_storage.bpf.h).
 */
enum tcpperf_storage { TCPPERF_STORAGE_FLOWS, TCPPERF_STORAGE_OWNERS, TCPPERF_STORAGE_LISTENERS, TCPPERF_STORAGES };

#define TCPPERF_STORAGE_ENTRIES 65536 /* of each */

/* lost_updates */
enum tcpperf_lost {
	TCPPERF_LOST_FLOW,	 /* no memory for a socket's flow state: the event was not measured */
	TCPPERF_LOST_RTT_SAMPLE, /* an earlier event of the flow was missed, so its RTT sample cannot be derived */
	TCPPERF_LOST_SYNACK,	 /* a retransmitted SYN-ACK is not remembered, so its handshake has no duration */
	TCPPERF_LOST_OWNER,	 /* no memory for a socket's owner: it stays unknown */
	TCPPERF_LOST_LISTENER,	 /* no memory for a listener's groups: its connections are in `other` */
	TCPPERF_LOST_HIGHEST,	 /* other CPUs raised a highest value so often that this one could not */
	TCPPERF_LOST_REASONS
};

#endif
