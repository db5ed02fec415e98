#include "app/log.h"

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace tcpperf::app {
namespace {

// The message as a JSON string, quotes included.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    const std::string quoted = nlohmann::json(std::string(message.payload.data(), message.payload.size()))
                                   .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

// The priorities of syslog(3) as sd-daemon(3) wants them, "<4>".
std::string_view journal_priority(spdlog::level::level_enum level) {
  static constexpr std::array<std::string_view, spdlog::level::n_levels> kPriorities = {"<7>", "<7>", "<6>", "<4>",
                                                                                        "<3>", "<2>", "<6>"};
  return kPriorities.at(static_cast<std::size_t>(level));
}

class JournalPriority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    const std::string_view priority = journal_priority(message.level);
    out.append(priority.data(), priority.data() + priority.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JournalPriority>(); }
};

// The message, each further line of it with a priority of its own: to journald it is an entry of its own.
class JournalLines final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/, spdlog::memory_buf_t& out) override {
    const std::string_view priority = journal_priority(message.level);
    for (const char c : message.payload) {
      out.push_back(c);
      if (c == '\n') {
        out.append(priority.data(), priority.data() + priority.size());
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JournalLines>(); }
};

}  // namespace

void start_log(std::string_view level, LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<JsonMessage>('*').add_flag<JournalPriority>('&').add_flag<JournalLines>('?');
  const bool journal = log_is_journal();
  if (format == LogFormat::kJson) {
    formatter->set_pattern(std::string(journal ? "%&" : "") +
                           R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":%*})");
  } else if (journal) {
    formatter->set_pattern("%&%?");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("tcpperfd", std::move(sink));
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(std::string(level)));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

bool log_is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");  // "device:inode", inherited by whoever it is not true of
  struct stat status {};
  return stream != nullptr && ::fstat(STDERR_FILENO, &status) == 0 &&
         std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

}  // namespace tcpperf::app
