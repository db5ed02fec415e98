/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Groups: "for whom". A grouping is a list of dimensions; a group is one combination of their values. Each grouping has
 * a table of slots, fixed at load: slot 0 is `other`, slots 1 to its capacity are groups. A socket is resolved to its
 * slot once; a probe's arrays are indexed by slot * (cells of one group) + cell.
 */
#ifndef TCPPERF_ABI_GROUPS_H
#define TCPPERF_ABI_GROUPS_H

#include "types.h"

/* Bit numbers of a grouping's set of dimensions, and the order of its labels. */
enum tcpperf_dimension {
	TCPPERF_BY_LOCAL_IP,
	TCPPERF_BY_REMOTE_IP,
	TCPPERF_BY_REMOTE_PREFIX,
	TCPPERF_BY_LOCAL_PORT,
	TCPPERF_BY_REMOTE_PORT,
	TCPPERF_BY_SERVICE_PORT,
	TCPPERF_BY_PROCESS,
	TCPPERF_BY_PID,
	TCPPERF_BY_CGROUP,
	TCPPERF_BY_INTERFACE,
	TCPPERF_BY_NETNS,
	TCPPERF_BY_ROLE,
	TCPPERF_BY_CONGESTION_CONTROL,
	TCPPERF_BY_FAMILY,
	TCPPERF_DIMENSIONS
};

#define TCPPERF_GROUPINGS 4	/* different groupings at once */
#define TCPPERF_GROUPS_MAX 1024 /* groups of one grouping, without `other` */
#define TCPPERF_OTHER 0		/* slot */

enum tcpperf_group_role { TCPPERF_ROLE_UNKNOWN, TCPPERF_ROLE_CLIENT, TCPPERF_ROLE_SERVER };
enum tcpperf_group_family { TCPPERF_FAMILY_UNKNOWN, TCPPERF_FAMILY_IPV4, TCPPERF_FAMILY_IPV6 };

/*
 * What the groups of a grouping differ in. A dimension that the grouping does not have is zero; so is a value that is
 * not known (an address of zeros is an unconnected socket's).
 */
struct tcpperf_group_key {
	tcpperf_u8 local_ip[16];  /* network byte order; IPv4 as ::ffff:a.b.c.d */
	tcpperf_u8 remote_ip[16]; /* likewise; of a remote_prefix with the host's bits cleared */
	tcpperf_u64 cgroup;	  /* id in the cgroup2 hierarchy */
	char process[16];	  /* name of the process, not of the thread */
	char congestion_control[16];
	char interface[16];
	tcpperf_u32 pid;   /* of the process (tgid) in the initial namespace */
	tcpperf_u32 netns; /* inode number */
	tcpperf_u16 local_port;
	tcpperf_u16 remote_port;
	tcpperf_u16 service_port; /* the listening side's */
	tcpperf_u8 role;	  /* enum tcpperf_group_role */
	tcpperf_u8 family;	  /* enum tcpperf_group_family */
	tcpperf_u32 grouping;
	tcpperf_u32 listener; /* 1: of a listener, where a local address of zeros is every address */
};

TCPPERF_STATIC_ASSERT(sizeof(struct tcpperf_group_key) == 112, "a hash key has no padding");

/* Element of `group_table`: what is in a slot. Written when the group is made, and by the daemon when it is recycled.
 */
struct tcpperf_group {
	struct tcpperf_group_key key;
	tcpperf_u64 resolved; /* how often a socket was resolved to this slot; 0 = never used since it was recycled */
	tcpperf_u64 sockets;  /* sockets that refer to it, at the last sampling */
};

TCPPERF_STATIC_ASSERT(sizeof(struct tcpperf_group) == 128, "an element of the table");

#endif
