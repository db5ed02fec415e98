#include "support/emulated_path.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "support/command.h"

namespace tcpperf::test {

namespace {

constexpr std::size_t kLargestPacket = 65536;
constexpr std::size_t kLargePacket = 1000;
constexpr unsigned long kTimerSlackNs = 1000;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

Socket open_device(const Side& side) {
  return in_namespace(side, [&] {
    Socket device(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    ifreq request{};
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    side.interface.copy(request.ifr_name, IFNAMSIZ - 1);
    if (device.get() < 0 || ::ioctl(device.get(), TUNSETIFF, &request) != 0) {
      fail("make a TUN device");
    }
    return device;
  });
}

void set_up(const Side& side) {
  const auto ip = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"ip", "-n", side.name});
    run(arguments);
  };
  ip({"link", "set", side.interface, "addrgenmode", "none"});
  ip({"link", "set", side.interface, "txqueuelen", std::to_string(EmulatedPath::kMostPackets), "mtu", "1500", "up"});
  ip({"addr", "add", side.v4 + "/24", "dev", side.interface});
  ip({"addr", "add", side.v6 + "/64", "dev", side.interface, "nodad"});
}

}  // namespace

EmulatedPath::EmulatedPath(const NetworkPair& pair, const DirectionOptions& a_to_b, const DirectionOptions& b_to_a) {
  directions_[0].options = a_to_b;
  directions_[1].options = b_to_a;
  run({"ip", "-n", pair.a().name, "link", "del", pair.a().interface});  // the other end goes with it
  devices_[0] = open_device(pair.a());
  devices_[1] = open_device(pair.b());
  set_up(pair.a());
  set_up(pair.b());
  wakeup_ = Socket(::eventfd(0, EFD_CLOEXEC));
  if (wakeup_.get() < 0) {
    fail("eventfd");
  }
  thread_ = std::thread([this] { carry(); });
}

EmulatedPath::~EmulatedPath() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wakeup_.get(), &one, sizeof one);
  thread_.join();
}

void EmulatedPath::set_black(bool black) {
  const std::lock_guard lock(mutex_);
  black_ = black;
}

DirectionTotals EmulatedPath::a_to_b() const {
  const std::lock_guard lock(mutex_);
  return directions_[0].totals;
}

DirectionTotals EmulatedPath::b_to_a() const {
  const std::lock_guard lock(mutex_);
  return directions_[1].totals;
}

void EmulatedPath::carry() {
  ::prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0, 0, 0);
  // Before everything else that the machine has to do, or its load would be on the path. It works for microseconds.
  const sched_param first{1};
  ::sched_setscheduler(0, SCHED_FIFO, &first);
  for (;;) {
    std::array<pollfd, 3> waiting{
        {{devices_[0].get(), POLLIN, 0}, {devices_[1].get(), POLLIN, 0}, {wakeup_.get(), POLLIN, 0}}};
    const timespec timeout = time_to_next();
    if (::ppoll(waiting.data(), waiting.size(), &timeout, nullptr) < 0 && errno != EINTR) {
      return;
    }
    if (waiting[2].revents != 0) {
      return;
    }
    for (const std::size_t from : {0U, 1U}) {
      read_all(from);
      deliver_due(from);
    }
  }
}

void EmulatedPath::read_all(std::size_t from) {
  std::array<char, kLargestPacket> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read()
  const std::lock_guard lock(mutex_);
  for (;;) {
    const ssize_t length = ::read(devices_[from].get(), buffer.data(), buffer.size());
    if (length <= 0) {
      return;
    }
    take(directions_[from], buffer.data(), static_cast<std::size_t>(length));
  }
}

void EmulatedPath::take(Direction& direction, const char* bytes, std::size_t length) const {
  const DirectionOptions& options = direction.options;
  const Clock::time_point now = Clock::now();
  if (black_) {
    ++direction.totals.black_drops;
    return;
  }
  if (options.drop_every_nth != 0 && length > kLargePacket && ++direction.large_packets % options.drop_every_nth == 0) {
    ++direction.totals.loss_drops;
    return;
  }
  Clock::time_point sent = now;
  if (options.bits_per_second != 0) {
    const Clock::time_point begins = std::max(now, direction.rate_free);
    const double waiting_bytes =
        std::chrono::duration<double>(begins - now).count() * static_cast<double>(options.bits_per_second) / 8;
    if (waiting_bytes + static_cast<double>(length) > static_cast<double>(options.queue_bytes)) {
      ++direction.totals.queue_drops;
      return;
    }
    sent = begins + std::chrono::nanoseconds(length * 8 * 1'000'000'000 / options.bits_per_second);
    direction.rate_free = sent;
  }
  if (direction.on_its_way.size() >= kMostPackets) {
    ++direction.totals.queue_drops;
    return;
  }
  direction.on_its_way.push_back({sent + options.delay, {bytes, bytes + length}});
}

void EmulatedPath::deliver_due(std::size_t from) {
  Direction& direction = directions_[from];
  const Clock::time_point now = Clock::now();
  std::uint64_t delivered = 0;
  while (!direction.on_its_way.empty() && direction.on_its_way.front().due <= now) {
    const std::vector<char>& bytes = direction.on_its_way.front().bytes;
    delivered += ::write(devices_[1 - from].get(), bytes.data(), bytes.size()) > 0 ? 1 : 0;
    direction.on_its_way.pop_front();
  }
  const std::lock_guard lock(mutex_);
  direction.totals.delivered_packets += delivered;
}

timespec EmulatedPath::time_to_next() const {
  Clock::time_point next = Clock::now() + std::chrono::seconds(1);
  for (const Direction& direction : directions_) {
    if (!direction.on_its_way.empty()) {
      next = std::min(next, direction.on_its_way.front().due);
    }
  }
  const auto wait = std::max(next - Clock::now(), Clock::duration::zero());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait);
  return {seconds.count(), std::chrono::duration_cast<std::chrono::nanoseconds>(wait - seconds).count()};
}

}  // namespace tcpperf::test
