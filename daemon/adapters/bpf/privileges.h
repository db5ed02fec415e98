// What stands between this process and the bpf() system call.
#pragma once

#include <string>
#include <string_view>

namespace tcpperf::adapters::bpf {

struct Privileges {
  bool cap_bpf = false;  // effective, as are the others
  bool cap_perfmon = false;
  bool cap_sys_admin = false;
  bool user_namespace = false;   // not the first one: its capabilities do not count for bpf()
  bool seccomp_filter = false;   // system calls are filtered, as in a container
  bool confidentiality = false;  // kernel lockdown: programs may not read kernel memory
};

// Of the calling thread. What cannot be read counts as no obstacle: the kernel will say.
Privileges read_privileges();

// Whether programs that trace may be loaded: CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN, and nothing in their way.
bool may_trace(const Privileges& privileges);

// "CAP_BPF", "CAP_PERFMON", "CAP_BPF and CAP_PERFMON", or empty.
std::string_view missing_capabilities(const Privileges& privileges);

// What is missing and how to get it, as a clause after "load BPF programs: Operation not permitted; ". For an errno of
// bpf() about which the verifier had nothing to say; empty when nothing is known about it. Pure.
std::string why_refused(int err, const Privileges& privileges);

}  // namespace tcpperf::adapters::bpf
