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
  static const std::array<core::HookDescriptor, 8> kTable{{
      {"on_ack", "tcp_probe", 1, {}},
      {"on_state", "inet_sock_set_state", 3, {}},
      {"on_retransmit", "tcp_retransmit_skb", 2, {{"kernel_retransmit_error", 2}}},
      {"on_synack", "tcp_retransmit_synack", 2, {}},
      {"on_destroy", "tcp_destroy_sock", 1, {}},
      {"on_drop", "kfree_skb", 3, {}},
      {"on_reset_send", "tcp_send_reset", 2, {{"kernel_reset_reason", 2}}},
      {"on_reset_recv", "tcp_receive_reset", 1, {}},
  }};
  return kTable;
}

}  // namespace tcpperf::probes
