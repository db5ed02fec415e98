/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The kernel types we read, reduced to the fields we read. Every access is relocated against the running kernel's BTF
 * (CO-RE), so only names and widths matter here, not offsets. A unit test compares each field with the kernel's BTF.
 */
#ifndef TCPPERF_KERNEL_TYPES_H
#define TCPPERF_KERNEL_TYPES_H

#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum; /* inode number, as `lsns` shows it */
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

struct list_head {
	struct list_head *next;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	unsigned int skc_hash; /* of the ends, once there are two */
	__be16 skc_dport;
	u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags; /* bits of enum sock_flags */
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

/* The cgroup of the process that made the socket, or of its listener. */
struct sock_cgroup_data {
	struct cgroup *cgroup;
};

/* Before 5.15: a pointer, or numbers of cgroup v1, which have one of the two lowest bits set. */
struct sock_cgroup_data___before_5_15 {
	u64 val;
};

struct net_device {
	char name[16];
	possible_net_t nd_net;
};

struct dst_entry {
	struct net_device *dev;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

struct socket;

struct sock {
	struct sock_common __sk_common;
	atomic_t sk_drops; /* packets; of a listener the connections it refused for want of room, too */
	struct {
		atomic_t rmem_alloc; /* bytes of memory that the receive queue takes */
	} sk_backlog;
	int sk_rcvbuf;		    /* and how many it may take */
	int sk_wmem_queued;	    /* bytes of memory that the send queue takes */
	int sk_sndbuf;		    /* and how many it may take */
	refcount_t sk_wmem_alloc;   /* bytes that the host's own queues and devices hold, and 1 */
	unsigned long sk_tsq_flags; /* bits of enum tsq_enum */
	struct socket *sk_socket;   /* NULL until accept(), and again after close() */
	u32 sk_ack_backlog;	    /* of a listener: connections that wait for accept() */
	u32 sk_max_ack_backlog;	    /* and how many may */
	/* The listeners that share an address and a port; NULL when there is one. */
	struct sock_reuseport *sk_reuseport_cb;
	u16 sk_protocol;
	int sk_err;
	struct dst_entry *sk_dst_cache;
	unsigned long sk_pacing_rate; /* bytes/s */
	struct sock_cgroup_data sk_cgrp_data;
};

struct socket {
	struct sock *sk;
	unsigned long flags; /* bits SOCK_NOSPACE and others of linux/net.h */
};

struct inet_sock {
	__be16 inet_sport; /* stays when the port is given back at CLOSE; skc_num does not */
};

struct tcp_congestion_ops {
	char name[16];
};

struct sock_reuseport {
	unsigned int synq_overflow_ts; /* jiffies: when one of them sent a SYN cookie last, to the second */
};

/* Of a listener. */
struct request_sock_queue {
	atomic_t qlen; /* handshakes that are not complete: the SYN queue */
};

struct inet_connection_sock {
	const struct tcp_congestion_ops *icsk_ca_ops;
	struct request_sock_queue icsk_accept_queue;
	struct {
		u32 lrcvtime; /* jiffies: when data came last, in order */
	} icsk_ack;
	u8 icsk_ca_state : 5;
	u32 icsk_rto; /* jiffies: the retransmission timeout, backed off */
	u8 icsk_pending;
};

struct minmax_sample {
	u32 t; /* so that three of them are as long as the kernel's */
	u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct tcp_options_received {
	int ts_recent_stamp; /* of a listener, in jiffies: when it sent a SYN cookie last, to the second; 0 = never */
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	u32 data_segs_out;  /* RFC 4898 tcpEStatsPerfDataSegsOut */
	u64 bytes_sent;	    /* payload, retransmitted included */
	u64 bytes_retrans;  /* payload sent again */
	u64 bytes_acked;    /* sequence numbers, a client's SYN and a FIN included */
	u64 bytes_received; /* sequence numbers received in order, a FIN included */
	u32 write_seq;	    /* behind what the process wrote, and behind the FIN once there is one */
	u8 syn_fastopen_child : 1;
	u32 snd_nxt;
	u32 snd_una;
	u64 tcp_mstamp;	    /* us of CLOCK_MONOTONIC, when the last segment was processed */
	u32 mdev_us;	    /* mean deviation << 2 */
	u32 srtt_us;	    /* smoothed RTT << 3 */
	u32 chrono_start;   /* jiffies: since when chrono_type holds */
	u32 chrono_stat[3]; /* jiffies: past sums of busy, rwnd_limited, sndbuf_limited */
	u8 chrono_type : 2; /* enum tcp_chrono */
	u8 is_cwnd_limited : 1;
	u64 tcp_wstamp_ns; /* CLOCK_MONOTONIC: not before then leaves the next packet (pacing) */
	u32 lsndtime;	   /* jiffies: when data was sent last */
	u32 rcv_tstamp;	   /* jiffies: when an ACK came last */
	u32 copied_seq;	   /* up to where the process has read */
	u32 rcv_nxt;
	u32 reord_seen;	  /* times that reordering was seen */
	u32 dsack_dups;	  /* DSACKs received: segments that had been sent again for nothing */
	u32 rcv_ooopack;  /* segments received out of order */
	u32 delivered_ce; /* packets delivered that were marked CE on the way */
	u32 received_ce;  /* since 6.18: packets received that were marked CE on the way */
	u32 data_segs_in; /* RFC 4898 tcpEStatsPerfDataSegsIn */
	u8 ecn_flags;	  /* TCP_ECN_OK, TCP_ECN_ACCECN: what was negotiated */
	u32 delivered;	  /* packets delivered, retransmitted ones too */
	u32 segs_out;	  /* RFC 4898 tcpEStatsPerfSegsOut */
	u32 mss_cache;
	u32 snd_cwnd;	  /* segments */
	u32 snd_ssthresh; /* segments */
	u32 snd_wnd;	  /* bytes, as the peer advertised it */
	u32 max_window;	  /* bytes: the largest that the peer ever advertised */
	u32 rcv_wnd;	  /* bytes, as last advertised */
	u32 packets_out;  /* segments sent and not acknowledged, without those sent again */
	u32 sacked_out;
	u32 lost_out;
	u32 retrans_out;
	u32 rate_delivered;   /* segments of the last measured delivery rate */
	u32 rate_interval_us; /* and in what time */
	u8 rate_app_limited : 1;
	struct minmax rtt_min; /* us; the first sample is the minimum */
	u32 total_retrans;     /* of a fresh child: how often its SYN-ACK was retransmitted */
	/* packets sent and not acknowledged; of a listener none, so it points to itself */
	struct list_head tsorted_sent_queue;
};

struct request_sock {
	struct sock_common __req_common;
};

struct inet_request_sock {
	struct request_sock req;
};

struct tcp_request_sock {
	struct inet_request_sock req;
	u64 snt_synack; /* when the first SYN-ACK was sent, us of CLOCK_MONOTONIC */
};

struct sk_buff {
	struct sock *sk;
	struct net_device *dev; /* of a received packet, the one that it came in by */
	char cb[48];
	unsigned int len;
	int skb_iif;
	__be16 protocol;
	u16 network_header;
	unsigned char *head;
};

/* TCP's use of sk_buff.cb. */
struct tcp_skb_cb {
	u16 tcp_gso_segs;
};

struct task_struct {
	unsigned int flags;
	struct task_struct *group_leader;
	char comm[16];
	int tgid;
};

struct super_block {
	unsigned long s_magic; /* of what file system it is */
};

struct inode {
	struct super_block *i_sb;
};

struct file {
	struct inode *f_inode;
	void *private_data; /* of a socket its struct socket */
};

struct seq_file;
struct bpf_map;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct bpf_iter__bpf_sk_storage_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	struct sock *sk;
	void *value;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common; /* a full, a request or a time-wait socket */
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

#pragma clang attribute pop

/* include/net/tcp_states.h */
enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
	TCP_STATES
};

/* enum sock_flags of include/net/sock.h: no process has it any more; the bit that tcp_fin() sets */
#define SOCK_DEAD 0
#define SOCK_DONE 1

/* enum tcp_ca_state of uapi/linux/tcp.h */
enum { CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS };

/* enum tcp_chrono of include/linux/tcp.h */
enum { CHRONO_UNSPEC, CHRONO_BUSY, CHRONO_RWND_LIMITED, CHRONO_SNDBUF_LIMITED };

/* enum tsq_enum of include/linux/tcp.h: the host's own queue holds enough of this socket's packets; it no longer does,
 * but the socket's turn to go on has not come yet */
#define TSQ_THROTTLED 0
#define TSQ_QUEUED 1

/* bit of socket.flags, include/linux/net.h: a write found no room */
#define SOCK_NOSPACE 2

/* tcp_sock.ecn_flags, include/net/tcp.h */
#define TCP_ECN_OK 1	  /* RFC 3168 */
#define TCP_ECN_ACCECN 16 /* since 6.18: Accurate ECN */

/* icsk_pending, include/net/inet_connection_sock.h */
#define ICSK_TIME_PROBE0 3
#define ICSK_TIME_LOSS_PROBE 5

/* include/net/tcp.h, include/net/sock.h: "no such number" */
#define SSTHRESH_INFINITE 0x7fffffff
#define MIN_RTT_UNKNOWN 0xffffffff
#define PACING_UNLIMITED (~0UL)

#define PF_KTHREAD 0x00200000

/* inode number of the root of the cgroup2 hierarchy */
#define CGROUP_ROOT_ID 1

/* linux/magic.h: of the file system that sockets are files of */
#define SOCKFS_MAGIC 0x534F434B

#define AF_INET 2
#define AF_INET6 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define IPPROTO_TCP 6

#define ETIMEDOUT 110
#define ECONNREFUSED 111
#define EHOSTUNREACH 113
#define ENETUNREACH 101
#define ECONNRESET 104

#endif
