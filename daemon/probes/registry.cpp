#include "probes/registry.h"

#include <array>

namespace tcpperf::probes {

// Each probe's file defines its own.
#define PROBE(name) const core::ProbeDescriptor& name##_probe();
#include "probes/probes.def"
#undef PROBE

core::ProbeTable probe_table() {
  static const std::array kTable{
#define PROBE(name) &name##_probe(),
#include "probes/probes.def"
#undef PROBE
  };
  return kTable;
}

core::HookTable hook_table() {
  using core::HookKind;
  using core::HookNeed;
  static const std::array kTable{
      core::HookDescriptor{"on_ack", "tcp_probe", 1},
      core::HookDescriptor{"on_congestion", "tcp_cong_state_set", 2},
      core::HookDescriptor{"on_accept", "inet_csk_accept", 2, {{"kernel_accept_flags", 3}}, HookKind::kFunctionExit},
      core::HookDescriptor{"on_state", "inet_sock_set_state", 3, {}, HookKind::kTracepoint, HookNeed::kAlways},
      core::HookDescriptor{"on_retransmit", "tcp_retransmit_skb", 2, {{"kernel_retransmit_error", 2}}},
      core::HookDescriptor{"on_synack", "tcp_retransmit_synack", 2},
      core::HookDescriptor{"on_destroy", "tcp_destroy_sock", 1},
      core::HookDescriptor{"on_drop", "kfree_skb", 3},
      core::HookDescriptor{"on_read", "tcp_rcv_space_adjust", 1},
      core::HookDescriptor{"on_reset_send", "tcp_send_reset", 2, {{"kernel_reset_reason", 2}}},
      core::HookDescriptor{"on_reset_recv", "tcp_receive_reset", 1},
      core::HookDescriptor{"on_transmit", "packets of sockets that leave IP", 0, {}, HookKind::kCgroupEgress},
      core::HookDescriptor{"on_sample", "every reading", 0, {}, HookKind::kSampling, HookNeed::kAlways},
      // Two of the older object alone.
      core::HookDescriptor{"on_references", "every reading", 0, {}, HookKind::kSampling, HookNeed::kAlways},
      core::HookDescriptor{"on_seed_owner", "the daemon's start", 0, {}, HookKind::kSeeding, HookNeed::kAlways},
      core::HookDescriptor{"on_seed", "the daemon's start", 0, {}, HookKind::kSeeding, HookNeed::kAlways},
      core::HookDescriptor{"on_user_send", "sock_send_length", 1, {}, HookKind::kTracepoint, HookNeed::kOwners},
      core::HookDescriptor{"on_user_receive", "sock_recv_length", 1, {}, HookKind::kTracepoint, HookNeed::kOwners},
  };
  return kTable;
}

}  // namespace tcpperf::probes
