#include "adapters/bpf/privileges.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace tcpperf::adapters::bpf {
namespace {

std::string read(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The first user namespace maps every id to itself (user_namespaces(7)).
bool maps_every_id(const std::string& uid_map) {
  unsigned long inside = 0;
  unsigned long outside = 0;
  unsigned long count = 0;
  return std::sscanf(uid_map.c_str(), "%lu %lu %lu", &inside, &outside, &count) == 3 && inside == 0 && outside == 0 &&
         count == 0xffffffffUL;
}

}  // namespace

Privileges read_privileges() {
  Privileges found;
  struct __user_cap_header_struct header {
    _LINUX_CAPABILITY_VERSION_3, 0
  };
  std::array<struct __user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  const bool known = syscall(SYS_capget, &header, sets.data()) == 0;
  const auto has = [&](unsigned capability) {
    return !known || (sets[capability / 32].effective >> (capability % 32) & 1) != 0;
  };
  found.cap_bpf = has(CAP_BPF);
  found.cap_perfmon = has(CAP_PERFMON);
  found.cap_sys_admin = has(CAP_SYS_ADMIN);
  const std::string uid_map = read("/proc/self/uid_map");
  found.user_namespace = !uid_map.empty() && !maps_every_id(uid_map);
  found.seccomp_filter = read("/proc/thread-self/status").find("\nSeccomp:\t2") != std::string::npos;
  found.confidentiality = read("/sys/kernel/security/lockdown").find("[confidentiality]") != std::string::npos;
  return found;
}

std::string_view missing_capabilities(const Privileges& privileges) {
  if (privileges.cap_sys_admin || (privileges.cap_bpf && privileges.cap_perfmon)) {
    return "";
  }
  return privileges.cap_bpf ? "CAP_PERFMON" : privileges.cap_perfmon ? "CAP_BPF" : "CAP_BPF and CAP_PERFMON";
}

bool may_trace(const Privileges& privileges) {
  return missing_capabilities(privileges).empty() && !privileges.user_namespace && !privileges.confidentiality;
}

std::string why_refused(int err, const Privileges& privileges) {
  if (err == ENOSYS) {
    return privileges.seccomp_filter
               ? "a seccomp filter hides bpf() (a container's profile?): allow bpf() and perf_event_open() in it"
               : "this kernel was built without bpf(): it takes one with CONFIG_BPF_SYSCALL=y and CONFIG_BPF_JIT=y";
  }
  if (err != EPERM && err != EACCES) {
    return "";
  }
  if (const std::string_view missing = missing_capabilities(privileges); !missing.empty()) {
    return "needs CAP_BPF and CAP_PERFMON, and lacks " + std::string(missing) +
           ": run as root, or let the service manager grant them";
  }
  if (privileges.user_namespace) {
    return "the capabilities hold in a user namespace only (a rootless container?): run in the host's";
  }
  if (privileges.confidentiality) {
    return "kernel lockdown is \"confidentiality\", which forbids programs that read kernel memory: boot with "
           "lockdown=integrity or none";
  }
  return privileges.seccomp_filter
             ? "a seccomp filter is active (a container's profile?): allow bpf() and perf_event_open() in it"
             : "CAP_BPF and CAP_PERFMON are there, so a security module or policy of this host refuses it (see the "
               "kernel log), or, before Linux 5.11, the limit of locked memory (ulimit -l) is too low";
}

}  // namespace tcpperf::adapters::bpf
