/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* The BPF object: all hooks. One object, so that hooks share the flow state and the maps of the probes. */
#include "kernel_types.h"

#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "hooks/accept.bpf.c"
#include "hooks/ack.bpf.c"
#include "hooks/congestion.bpf.c"
#include "hooks/destroy.bpf.c"
#include "hooks/drop.bpf.c"
#include "hooks/read.bpf.c"
#include "hooks/reset_receive.bpf.c"
#include "hooks/reset_send.bpf.c"
#include "hooks/retransmit.bpf.c"
#include "hooks/sample.bpf.c"
#include "hooks/seed.bpf.c"
#include "hooks/state.bpf.c"
#include "hooks/synack_retransmit.bpf.c"
#include "hooks/transmit.bpf.c"
#include "hooks/user.bpf.c"

char LICENSE[] SEC("license") = "GPL";
