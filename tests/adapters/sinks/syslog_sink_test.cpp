// The syslog sink against datagram sockets that stand in for /dev/log and journald's.
#include "adapters/sinks/syslog_sink.h"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>

#include <unistd.h>

#include "adapters/sinks/journal_entry.h"
#include "adapters/sinks/sink_support.h"
#include "catch.h"

using tcpperf::adapters::journal_entry;
using tcpperf::adapters::syslog_message;
using tcpperf::adapters::SyslogSink;
using tcpperf::core::AlertEvent;
using tcpperf::core::Severity;
using tcpperf::sink_tests::DatagramReceiver;
using tcpperf::sink_tests::firing;
using tcpperf::sink_tests::resolved;
using tcpperf::sink_tests::TemporaryDirectory;

namespace {

// Sets the time zone for one test.
class TimeZone {
 public:
  explicit TimeZone(const char* zone) {
    const char* const before = ::getenv("TZ");
    had_ = before != nullptr;
    before_ = had_ ? before : "";
    ::setenv("TZ", zone, 1);
    ::tzset();
  }
  ~TimeZone() {
    if (had_) {
      ::setenv("TZ", before_.c_str(), 1);
    } else {
      ::unsetenv("TZ");
    }
    ::tzset();
  }
  TimeZone(const TimeZone&) = delete;
  TimeZone& operator=(const TimeZone&) = delete;

 private:
  bool had_ = false;
  std::string before_;
};

std::string priority(AlertEvent event, Severity severity) {
  event.rule.severity = severity;
  const std::string message = syslog_message(event, 1);
  return message.substr(0, message.find('>') + 1);
}

// The folder of journald's sockets, and what a /dev/log that leads there is named.
class Journal {
 public:
  explicit Journal(const TemporaryDirectory& directory) : folder_(directory.file("journal")) {
    std::filesystem::create_directory(folder_);
    std::filesystem::create_symlink(folder_ + "/dev-log", directory.file("log"));
    start();
  }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  [[nodiscard]] const DatagramReceiver& native() const { return *native_; }
  [[nodiscard]] const DatagramReceiver& syslog() const { return *syslog_; }

  void stop() {
    native_.reset();
    syslog_.reset();
  }
  void start() {
    native_ = std::make_unique<DatagramReceiver>(folder_ + "/socket");
    syslog_ = std::make_unique<DatagramReceiver>(folder_ + "/dev-log");
  }
  void stop_native_only() { native_.reset(); }

 private:
  std::string folder_;
  std::unique_ptr<DatagramReceiver> native_;
  std::unique_ptr<DatagramReceiver> syslog_;
};

bool starts_with(const std::string& text, const std::string& start) {
  INFO(text);
  CHECK(text.substr(0, start.size()) == start);
  return text.substr(0, start.size()) == start;
}

}  // namespace

TEST_CASE("a syslog message has priority, local time, tag and text", "[sinks][syslog]") {
  const TimeZone zone("TST-2");  // two hours ahead of UTC
  AlertEvent event = firing();
  starts_with(syslog_message(event, 4711), "<26>Jan  1 01:59:59 tcpperf[4711]: FIRING critical tail_latency: rtt_p99");
  event.time -= std::chrono::hours(24 * 16);
  starts_with(syslog_message(event, 1), "<26>Dec 16 01:59:59 tcpperf[1]: FIRING");
}

TEST_CASE("severities become priorities of the facility daemon", "[sinks][syslog]") {
  CHECK(priority(firing(), Severity::kCritical) == "<26>");  // 3 * 8 + 2
  CHECK(priority(firing(), Severity::kWarning) == "<28>");
  CHECK(priority(firing(), Severity::kInfo) == "<29>");
  CHECK(priority(resolved(), Severity::kCritical) == "<29>");
  CHECK(priority(resolved(), Severity::kWarning) == "<29>");
}

TEST_CASE("every event is one datagram", "[sinks][syslog]") {
  const TemporaryDirectory directory;
  DatagramReceiver receiver(directory.file("log"));
  SyslogSink sink(directory.file("log"), directory.file("journal"));
  sink.deliver(firing());
  sink.deliver(resolved());
  CHECK(receiver.receive() == syslog_message(firing(), ::getpid()));
  CHECK(receiver.receive() == syslog_message(resolved(), ::getpid()));
  CHECK_FALSE(receiver.receive().has_value());
  CHECK(sink.counts().delivered == 2);
  CHECK(sink.counts().failed == 0);
  CHECK(sink.counts().dropped == 0);
  CHECK(sink.last_error().empty());
  CHECK(sink.name() == "syslog");
}

TEST_CASE("a socket that is not there is a failure, and is found when it appears", "[sinks][syslog]") {
  const TemporaryDirectory directory;
  SyslogSink sink(directory.file("log"), directory.file("journal"));
  sink.deliver(firing());
  CHECK(sink.counts().failed == 1);
  CHECK(sink.last_error().find(directory.file("log") + ": No such file") != std::string::npos);

  DatagramReceiver receiver(directory.file("log"));
  sink.deliver(firing());
  CHECK(receiver.receive().has_value());
  CHECK(sink.counts().delivered == 1);
  CHECK(sink.counts().failed == 1);
}

TEST_CASE("a restarted syslog daemon gets the next event", "[sinks][syslog]") {
  const TemporaryDirectory directory;
  auto receiver = std::make_unique<DatagramReceiver>(directory.file("log"));
  SyslogSink sink(directory.file("log"), directory.file("journal"));
  sink.deliver(firing());
  receiver.reset();
  receiver = std::make_unique<DatagramReceiver>(directory.file("log"));
  sink.deliver(firing());
  CHECK(receiver->receive().has_value());
  CHECK(sink.counts().delivered == 2);
  CHECK(sink.counts().failed == 0);
}

TEST_CASE("while the syslog daemon is gone every event fails", "[sinks][syslog]") {
  const TemporaryDirectory directory;
  auto receiver = std::make_unique<DatagramReceiver>(directory.file("log"));
  SyslogSink sink(directory.file("log"), directory.file("journal"));
  sink.deliver(firing());
  receiver.reset();
  sink.deliver(firing());
  sink.deliver(firing());
  CHECK(sink.counts().delivered == 1);
  CHECK(sink.counts().failed == 2);
}

TEST_CASE("a syslog daemon that does not read loses events instead of blocking", "[sinks][syslog]") {
  const TemporaryDirectory directory;
  DatagramReceiver receiver(directory.file("log"));
  SyslogSink sink(directory.file("log"), directory.file("journal"));
  std::uint64_t sent = 0;
  while (sink.counts().dropped == 0 && sent < 100'000) {
    sink.deliver(firing());
    ++sent;
  }
  CHECK(sink.counts().dropped == 1);
  CHECK(sink.counts().delivered == sent - 1);
  CHECK(sink.counts().failed == 0);
  while (receiver.receive()) {
  }
  sink.deliver(firing());
  CHECK(sink.counts().delivered == sent);
}

TEST_CASE("where the log is journald's, it gets entries with fields, and the syslog line is journald's business",
          "[sinks][syslog][journal]") {
  const TemporaryDirectory directory;
  const Journal journal(directory);
  SyslogSink sink(directory.file("log"), journal.folder());
  CHECK_FALSE(sink.last_event_is_in_journal());
  sink.deliver(firing());
  CHECK(journal.native().receive() == journal_entry(firing()));
  CHECK(sink.last_event_is_in_journal());
  sink.deliver(resolved());
  CHECK(journal.native().receive() == journal_entry(resolved()));
  CHECK_FALSE(journal.native().receive().has_value());
  CHECK_FALSE(journal.syslog().receive().has_value());
  CHECK(sink.counts().delivered == 2);
  CHECK(sink.counts().failed == 0);
}

TEST_CASE("a journal beside a log of somebody else gets nothing", "[sinks][syslog][journal]") {
  const TemporaryDirectory directory;
  const Journal journal(directory);
  std::filesystem::remove(directory.file("log"));
  const DatagramReceiver receiver(directory.file("log"));
  SyslogSink sink(directory.file("log"), journal.folder());
  sink.deliver(firing());
  CHECK(receiver.receive() == syslog_message(firing(), ::getpid()));
  CHECK_FALSE(journal.native().receive().has_value());
  CHECK_FALSE(sink.last_event_is_in_journal());
}

TEST_CASE("a journal without a socket for entries gets the line", "[sinks][syslog][journal]") {
  const TemporaryDirectory directory;
  Journal journal(directory);
  journal.stop_native_only();
  SyslogSink sink(directory.file("log"), journal.folder());
  sink.deliver(firing());
  CHECK(journal.syslog().receive() == syslog_message(firing(), ::getpid()));
  CHECK_FALSE(sink.last_event_is_in_journal());
}

TEST_CASE("a restarted journald gets the next event, and so does a syslog daemon in its place",
          "[sinks][syslog][journal]") {
  const TemporaryDirectory directory;
  Journal journal(directory);
  SyslogSink sink(directory.file("log"), journal.folder());
  sink.deliver(firing());
  journal.stop();
  sink.deliver(firing());
  CHECK(sink.counts().failed == 1);
  CHECK_FALSE(sink.last_event_is_in_journal());

  journal.start();
  sink.deliver(firing());
  CHECK(journal.native().receive() == journal_entry(firing()));

  std::filesystem::remove(directory.file("log"));
  const DatagramReceiver receiver(directory.file("log"));
  sink.deliver(firing());
  CHECK(receiver.receive() == syslog_message(firing(), ::getpid()));
  CHECK(sink.counts().delivered == 3);
}

TEST_CASE("a journald that does not read loses events instead of blocking", "[sinks][syslog][journal]") {
  const TemporaryDirectory directory;
  const Journal journal(directory);
  SyslogSink sink(directory.file("log"), journal.folder());
  std::uint64_t sent = 0;
  while (sink.counts().dropped == 0 && sent < 100'000) {
    sink.deliver(firing());
    ++sent;
  }
  CHECK(sink.counts().dropped == 1);
  CHECK(sink.counts().delivered == sent - 1);
  CHECK_FALSE(sink.last_event_is_in_journal());
  CHECK(sink.last_error().find(journal.folder() + "/socket") != std::string::npos);
}

TEST_CASE("a path too long for a socket is a failure", "[sinks][syslog]") {
  SyslogSink sink("/" + std::string(200, 'x'));
  sink.deliver(firing());
  CHECK(sink.counts().failed == 1);
  CHECK(sink.last_error().find("too long") != std::string::npos);
}
