/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Whose socket it is: the process that connected, that read from or wrote to it first, or that closed it; until one of
 * these is seen, of an accepted socket the process that listens. Bound only where the current task is the one that
 * acts on the socket, never in softirq, where it is whoever was interrupted.
 */
#ifndef TCPPERF_LIB_OWNER_H
#define TCPPERF_LIB_OWNER_H

#include "lib/groups.bpf.h"
#include "lib/lost.bpf.h"
#include "lib/socket_storage.bpf.h"

struct owner {
	u32 pid; /* of the process; 0 = not known */
	char name[16];
};

/* A connection begins with its listener's. Only sockets of known owners have one. */
SOCKET_STORAGE_INHERITED(owners, struct owner, TCPPERF_STORAGE_OWNERS)

static __always_inline bool groups_by_owner(void)
{
	return groups_by(TCPPERF_BY_PROCESS) || groups_by(TCPPERF_BY_PID);
}

static __always_inline bool groups_connections_by_owner(void)
{
	return groups_connections_by(TCPPERF_BY_PROCESS) || groups_connections_by(TCPPERF_BY_PID);
}

/* False for a kernel thread, and without memory, which is counted: the owner stays what it was. */
static __always_inline bool owner_set(struct sock *sk, const struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	struct owner *owner;

	/* A kernel thread acts for somebody else. */
	if (BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return false;
	owner = owners_create(sk);
	if (!owner) {
		lost(TCPPERF_LOST_OWNER);
		return false;
	}
	owner->pid = BPF_CORE_READ(task, tgid);
	__builtin_memset(owner->name, 0, sizeof(owner->name)); /* no rest of a longer name before */
	bpf_probe_read_kernel_str(owner->name, sizeof(owner->name), leader->comm);
	return true;
}

/* Of a socket that is open already: the first process that has it. */
static __always_inline bool owner_seed(struct sock *sk, const struct task_struct *task)
{
	return owners_find(sk) || owner_set(sk, task);
}

static __always_inline void group_facts_of_owner(struct sock *sk, struct tcpperf_group_key *facts)
{
	struct owner *owner;

	if (!groups_by_owner())
		return;
	owner = owners_find(sk);
	if (!owner)
		return;
	facts->pid = owner->pid;
	__builtin_memcpy(facts->process, owner->name, sizeof(facts->process));
}

#endif
