// Finding network namespaces and summing their sockets.
#include "adapters/netlink/network_namespaces.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

#include "adapters/netlink/fresh_namespace.h"
#include "catch.h"

namespace {

using tcpperf::adapters::count_all_namespaces;
using tcpperf::adapters::NamespaceCounts;
using tcpperf::adapters::NamespaceSources;
namespace test = tcpperf::test;
namespace fs = std::filesystem;

constexpr std::size_t kListen = 10;

std::string own_namespace() {
  return fs::read_symlink("/proc/thread-self/ns/net");
}

// A folder shaped like /proc and one like /run/netns, whose entries are links to namespaces of the test's own.
class FakeHost {
 public:
  FakeHost() {
    std::string pattern = fs::temp_directory_path() / "tcpperf-namespaces-XXXXXX";
    test::require(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
    root_ = pattern;
    fs::create_directories(root_ / "proc");
    fs::create_directories(root_ / "netns");
  }
  ~FakeHost() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  FakeHost(const FakeHost&) = delete;
  FakeHost& operator=(const FakeHost&) = delete;

  void add_process(const std::string& pid, const std::string& target) const {
    fs::create_directories(root_ / "proc" / pid / "ns");
    fs::create_symlink(target, root_ / "proc" / pid / "ns/net");
  }
  void add_named(const std::string& name, const std::string& target) const {
    fs::create_symlink(target, root_ / "netns" / name);
  }
  void add_plain_file(const std::string& name) const { std::ofstream(root_ / "netns" / name) << "x"; }

  [[nodiscard]] NamespaceSources sources() const { return {root_ / "proc", root_ / "netns"}; }

 private:
  fs::path root_;
};

// The path under which other threads find the calling thread's namespace.
std::string path_of_this_thread() {
  return "/proc/" + std::to_string(::getpid()) + "/task/" + std::to_string(::gettid()) + "/ns/net";
}

NamespaceCounts counted(const NamespaceSources& sources) {
  const auto counts = count_all_namespaces(sources);
  if (!counts) {
    throw std::runtime_error(counts.error().message);
  }
  return *counts;
}

}  // namespace

TEST_CASE("the caller's own namespace is counted whoever asks", "[netlink]") {
  const test::TcpSocket listener = test::listening_socket(AF_INET);
  const auto counts = count_all_namespaces();
  REQUIRE(counts);
  CHECK(counts->namespaces_seen >= 1);
  CHECK(counts->sockets[kListen] >= 1);
  CHECK(counts->own_namespace_only == (::geteuid() != 0));
}

TEST_CASE("each namespace counts once, by whatever name it is found, and the caller stays in its own", "[netlink]") {
  const FakeHost host;
  NamespaceCounts counts;
  const std::string before = own_namespace();
  if (!test::in_fresh_namespace([&] {
        const test::TcpSocket listener = test::listening_socket(AF_INET);
        host.add_process("10", path_of_this_thread());
        host.add_process("11", path_of_this_thread());
        host.add_named("blue", path_of_this_thread());
        test::in_fresh_namespace([&] {
          const test::TcpSocket first = test::listening_socket(AF_INET);
          const test::TcpSocket second = test::listening_socket(AF_INET6);
          host.add_process("12", path_of_this_thread());
          test::in_fresh_namespace([&] {
            const test::TcpSocket one = test::listening_socket(AF_INET);
            const test::TcpSocket two = test::listening_socket(AF_INET);
            const test::TcpSocket three = test::listening_socket(AF_INET);
            const test::TcpSocket four = test::listening_socket(AF_INET);
            host.add_named("red", path_of_this_thread());
            const std::string inside = own_namespace();
            counts = counted(host.sources());
            test::require(own_namespace() == inside, "stay in the caller's namespace");
          });
        });
      })) {
    return;
  }
  CHECK(counts.namespaces_seen == 3);
  CHECK(counts.namespaces_failed == 0);
  CHECK(counts.processes_unreadable == 0);
  CHECK_FALSE(counts.own_namespace_only);
  CHECK(counts.sockets[kListen] == 7);
  CHECK(own_namespace() == before);
}

TEST_CASE("what is no namespace is passed over, what cannot be entered is reported", "[netlink]") {
  const FakeHost host;
  host.add_plain_file("left-behind");
  host.add_named("dangling", "/nowhere");
  host.add_process("20", "/nowhere");             // a process that has just ended
  host.add_process("self", "/proc/self/ns/net");  // not a number: not looked at
  NamespaceCounts harmless;
  NamespaceCounts failing;
  if (!test::in_fresh_namespace([&] {
        harmless = counted(host.sources());
        host.add_named("wrong-kind", "/proc/self/ns/mnt");
        failing = counted(host.sources());
      })) {
    return;
  }
  CHECK(harmless.namespaces_seen == 1);
  CHECK(harmless.namespaces_failed == 0);
  CHECK(harmless.processes_unreadable == 0);
  CHECK(failing.namespaces_seen == 2);
  CHECK(failing.namespaces_failed == 1);
}

TEST_CASE("a host without named namespaces is no error, one without processes is", "[netlink]") {
  NamespaceSources sources;
  sources.named = "/nowhere";
  CHECK(count_all_namespaces(sources));
  sources.processes = "/nowhere";
  const auto counts = count_all_namespaces(sources);
  // Without the right to enter a namespace no process is looked at.
  CHECK(counts.has_value() == (::geteuid() != 0));
}

TEST_CASE("a visit without patience is an error", "[netlink]") {
  const auto counts = count_all_namespaces({}, std::chrono::milliseconds(0));
  REQUIRE_FALSE(counts);
  CHECK(counts.error().system_errno == ETIMEDOUT);
}
