// What the daemon says when bpf() is refused. Any user.
#include "adapters/bpf/privileges.h"

#include <cerrno>

#include "catch.h"

namespace {

using tcpperf::adapters::bpf::may_trace;
using tcpperf::adapters::bpf::missing_capabilities;
using tcpperf::adapters::bpf::Privileges;
using tcpperf::adapters::bpf::why_refused;

Privileges with_capabilities() {
  Privileges privileges;
  privileges.cap_bpf = true;
  privileges.cap_perfmon = true;
  return privileges;
}

}  // namespace

TEST_CASE("CAP_BPF and CAP_PERFMON suffice to trace, and so does CAP_SYS_ADMIN", "[privileges]") {
  Privileges privileges;
  CHECK_FALSE(may_trace(privileges));
  CHECK(missing_capabilities(privileges) == "CAP_BPF and CAP_PERFMON");
  privileges.cap_bpf = true;
  CHECK_FALSE(may_trace(privileges));
  CHECK(missing_capabilities(privileges) == "CAP_PERFMON");
  privileges.cap_perfmon = true;
  CHECK(may_trace(privileges));
  privileges.cap_bpf = false;
  CHECK(missing_capabilities(privileges) == "CAP_BPF");
  privileges.cap_sys_admin = true;
  CHECK(may_trace(privileges));
  CHECK(missing_capabilities(privileges).empty());
}

TEST_CASE("A user namespace and lockdown keep capabilities from counting", "[privileges]") {
  Privileges inside = with_capabilities();
  inside.user_namespace = true;
  CHECK_FALSE(may_trace(inside));
  CHECK_THAT(why_refused(EPERM, inside), contains_text("user namespace"));
  Privileges locked = with_capabilities();
  locked.confidentiality = true;
  CHECK_FALSE(may_trace(locked));
  CHECK_THAT(why_refused(EPERM, locked), contains_text("lockdown=integrity"));
}

TEST_CASE("A refusal names the obstacle that is there", "[privileges]") {
  Privileges filtered = with_capabilities();
  filtered.seccomp_filter = true;
  CHECK_THAT(why_refused(EPERM, filtered), contains_text("seccomp"));
  CHECK_THAT(why_refused(ENOSYS, filtered), contains_text("seccomp"));
  CHECK_THAT(why_refused(ENOSYS, with_capabilities()), contains_text("CONFIG_BPF_SYSCALL=y"));
  CHECK_THAT(why_refused(EPERM, with_capabilities()), contains_text("security module"));
  CHECK_THAT(why_refused(EACCES, Privileges{}), contains_text("lacks CAP_BPF and CAP_PERFMON"));
  CHECK(why_refused(ENOMEM, with_capabilities()).empty());
}
