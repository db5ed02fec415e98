#include "support/network_pair.h"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/command.h"
#include "support/socket.h"

namespace tcpperf::test {

namespace {

constexpr std::string_view kPrefix = "tcpperf-";
constexpr const char* kNamedNamespaces = "/run/netns";
constexpr const char* kTurnFile = "/run/tcpperf-tests.lock";

std::string next_name() {
  static std::atomic<int> next = 0;
  return std::string(kPrefix) + std::to_string(::getpid()) + "-" + std::to_string(next++);
}

bool is_abandoned(const std::string& name) {
  if (!name.starts_with(kPrefix)) {
    return false;
  }
  int pid = 0;
  const char* const end = name.data() + name.size();
  const auto [after, error] = std::from_chars(name.data() + kPrefix.size(), end, pid);
  if (error != std::errc{} || pid <= 0 || after == end || *after != '-') {
    return false;
  }
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

// Shared by all pairs of this process.
std::shared_ptr<Socket> wait_for_turn() {
  static std::mutex mutex;
  static std::weak_ptr<Socket> current;
  const std::lock_guard lock(mutex);
  if (std::shared_ptr<Socket> held = current.lock()) {
    return held;
  }
  auto file = std::make_shared<Socket>(::open(kTurnFile, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file->get() < 0 || ::flock(file->get(), LOCK_EX) != 0) {
    throw std::runtime_error(std::string("lock ") + kTurnFile + ": " + std::strerror(errno));
  }
  current = file;
  return file;
}

struct Station {
  const Side& side;
  const char* mac;
};

// Neighbours are entered by hand and the link-local address is left out: no packet but the test's own is on the wire,
// and none waits for an answer of ARP or neighbour discovery (the first one of IPv6 can be lost for a second).
void set_up(const Station& station, const Station& peer, const PairOptions& options) {
  const Side& side = station.side;
  const auto ip = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"ip", "-n", side.name});
    run(arguments);
  };
  ip({"link", "set", "lo", "up"});
  ip({"link", "set", side.interface, "addrgenmode", "none"});
  if (!options.segmentation_offload) {
    ip({"link", "set", side.interface, "gso_max_segs", "1"});
  }
  ip({"link", "set", side.interface, "mtu", std::to_string(options.mtu_bytes), "up"});
  ip({"addr", "add", side.v4 + "/24", "dev", side.interface});
  ip({"addr", "add", side.v6 + "/64", "dev", side.interface, "nodad"});
  for (const std::string& address : {peer.side.v4, peer.side.v6}) {
    ip({"neigh", "add", address, "lladdr", peer.mac, "dev", side.interface, "nud", "permanent"});
  }
}

}  // namespace

const char* name_of(Family family) {
  switch (family) {
    case Family::kIPv4: return "IPv4";
    case Family::kIPv6: return "IPv6";
    case Family::kMapped: return "IPv4-mapped";
  }
  return "unknown";
}

std::string Side::address(Family family) const {
  switch (family) {
    case Family::kIPv4: return v4;
    case Family::kIPv6: return v6;
    case Family::kMapped: return "::ffff:" + v4;
  }
  return {};
}

void require_root() {
  if (::geteuid() != 0) {
    throw std::runtime_error("this test makes network namespaces and loads BPF programs: run it as root");
  }
}

void remove_abandoned_namespaces() {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kNamedNamespaces, error)) {
    const std::string name = entry.path().filename();
    if (is_abandoned(name)) {
      try {
        run({"ip", "netns", "del", name});
      } catch (const std::runtime_error&) {
        // Another test process saw it too and was faster; if it is still there, only that one will say why.
        if (std::filesystem::exists(entry.path(), error)) {
          throw;
        }
      }
    }
  }
}

void enter_namespace(const Side& side) {
  const std::string path = std::string(kNamedNamespaces) + "/" + side.name;
  const Socket target(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (target.get() < 0 || ::setns(target.get(), CLONE_NEWNET) != 0) {
    throw std::runtime_error("enter " + path + ": " + std::strerror(errno));
  }
}

NetworkPair::NetworkPair(const PairOptions& options) {
  require_root();
  turn_ = wait_for_turn();
  remove_abandoned_namespaces();
  const std::string name = next_name();
  a_ = {name + "-a", "veth0", "10.77.0.1", "fd77::1"};
  b_ = {name + "-b", "veth0", "10.77.0.2", "fd77::2"};
  try {
    build(options);
  } catch (...) {
    remove();
    throw;
  }
}

NetworkPair::~NetworkPair() {
  remove();
}

void NetworkPair::build(const PairOptions& options) const {
  run({"ip", "netns", "add", a_.name});
  run({"ip", "netns", "add", b_.name});
  // Both ends are born in their namespace: no name in the machine's own namespace can collide.
  const Station a{a_, "02:00:00:00:77:01"};
  const Station b{b_, "02:00:00:00:77:02"};
  run({"ip", "-n", a_.name, "link", "add", a_.interface, "address", a.mac, "type", "veth", "peer", "name", b_.interface,
       "address", b.mac, "netns", b_.name});
  set_up(a, b, options);
  set_up(b, a, options);
}

void NetworkPair::remove() const noexcept {
  for (const Side* side : {&a_, &b_}) {
    try {
      if (std::filesystem::exists(std::string(kNamedNamespaces) + "/" + side->name)) {
        // Orphans would keep their namespace alive, and the next test, which has the same addresses, would measure
        // them.
        run({"ip", "netns", "exec", side->name, "ss", "-tnHK", "state", "connected", "exclude", "time-wait"});
        run({"ip", "netns", "del", side->name});
      }
    } catch (...) {  // NOLINT(bugprone-empty-catch): what stays is removed by the next run
    }
  }
}

std::uint64_t namespace_inode(const Side& side) {
  struct stat status {};
  if (::stat((std::string(kNamedNamespaces) + "/" + side.name).c_str(), &status) != 0) {
    throw std::runtime_error("stat namespace " + side.name + ": " + std::strerror(errno));
  }
  return status.st_ino;
}

std::string read_setting(const Side& side, const std::string& path) {
  return in_namespace(side, [&] {
    std::ifstream file("/proc/sys/" + path);
    std::string value;
    if (!std::getline(file, value)) {
      throw std::runtime_error("read /proc/sys/" + path + ": " + std::strerror(errno));
    }
    return value;
  });
}

void write_setting(const Side& side, const std::string& path, const std::string& value) {
  in_namespace(side, [&] {
    const Socket file(::open(("/proc/sys/" + path).c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0 || ::write(file.get(), value.data(), value.size()) < 0) {
      throw std::runtime_error("write /proc/sys/" + path + ": " + std::strerror(errno));
    }
  });
}

}  // namespace tcpperf::test
