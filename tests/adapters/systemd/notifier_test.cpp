// The notifier against a real datagram socket in the place of the service manager's.
#include "adapters/systemd/notifier.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include <unistd.h>

#include "adapters/sinks/sink_support.h"
#include "catch.h"

using namespace std::chrono_literals;
using tcpperf::adapters::Notifier;
using tcpperf::adapters::watchdog_interval;
using tcpperf::sink_tests::DatagramReceiver;
using tcpperf::sink_tests::TemporaryDirectory;

namespace {

// Sets (or, with nullptr, removes) a variable of the environment for one test.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* const before = ::getenv(name)) {
      before_ = before;
    }
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  void set(const char* value) {
    if (value != nullptr) {
      ::setenv(name_, value, 1);
    } else {
      ::unsetenv(name_);
    }
  }

  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

TEST_CASE("the service manager gets every message as the protocol wants it", "[systemd]") {
  const TemporaryDirectory directory;
  DatagramReceiver receiver(directory.file("notify"));
  const Environment socket("NOTIFY_SOCKET", directory.file("notify").c_str());
  CHECK(Notifier::ready("12 probes"));
  CHECK(receiver.receive() == "READY=1\nSTATUS=12 probes");
  CHECK(Notifier::status("no alert"));
  CHECK(receiver.receive() == "STATUS=no alert");
  CHECK(Notifier::reloading(123456789us));
  CHECK(receiver.receive() == "RELOADING=1\nMONOTONIC_USEC=123456789");
  CHECK(Notifier::watchdog());
  CHECK(receiver.receive() == "WATCHDOG=1");
  CHECK(Notifier::stopping());
  CHECK(receiver.receive() == "STOPPING=1");
  CHECK_FALSE(receiver.receive().has_value());
}

TEST_CASE("a line break in a status does not become a message of its own", "[systemd]") {
  const TemporaryDirectory directory;
  DatagramReceiver receiver(directory.file("notify"));
  const Environment socket("NOTIFY_SOCKET", directory.file("notify").c_str());
  CHECK(Notifier::status("a\nSTOPPING=1\r"));
  CHECK(receiver.receive() == "STATUS=a STOPPING=1 ");
  CHECK(Notifier::ready("b\nMAINPID=1"));
  CHECK(receiver.receive() == "READY=1\nSTATUS=b MAINPID=1");
}

TEST_CASE("without a service manager every message succeeds", "[systemd]") {
  const Environment socket("NOTIFY_SOCKET", nullptr);
  CHECK(Notifier::ready("x"));
  CHECK(Notifier::status("x"));
  CHECK(Notifier::reloading(1us));
  CHECK(Notifier::watchdog());
  CHECK(Notifier::stopping());
}

TEST_CASE("a service manager that cannot be reached is an error", "[systemd]") {
  const TemporaryDirectory directory;
  const Environment socket("NOTIFY_SOCKET", directory.file("nobody").c_str());
  const auto result = Notifier::ready("x");
  REQUIRE_FALSE(result);
  CHECK(result.error().system_errno == ENOENT);
}

TEST_CASE("the watchdog is fed twice per period", "[systemd]") {
  const Environment period("WATCHDOG_USEC", "30000000");
  const Environment pid("WATCHDOG_PID", std::to_string(::getpid()).c_str());
  CHECK(watchdog_interval() == 15s);
}

TEST_CASE("a watchdog that is off, or for another process, is not fed", "[systemd]") {
  {
    const Environment period("WATCHDOG_USEC", nullptr);
    CHECK_FALSE(watchdog_interval().has_value());
  }
  const Environment period("WATCHDOG_USEC", "30000000");
  {
    const Environment pid("WATCHDOG_PID", "1");
    CHECK_FALSE(watchdog_interval().has_value());
  }
  const Environment nonsense("WATCHDOG_USEC", "soon");
  CHECK_FALSE(watchdog_interval().has_value());
}
