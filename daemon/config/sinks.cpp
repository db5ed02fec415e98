#include <chrono>
#include <string>
#include <utility>

#include "config/sections.h"
#include "config/text.h"
#include "config/units.h"

namespace tcpperf::config {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kLongestPath = 4095;  // bytes: what Linux opens
constexpr std::size_t kLongestUrl = 2048;

core::Result<std::string> read_path(std::string_view text) {
  if (text.size() < 2 || text.front() != '/' || text.back() == '/' || text.size() > kLongestPath ||
      text.find('\n') != std::string_view::npos) {
    return core::Error{"expected the absolute path of a file, found " + quoted(text)};
  }
  return std::string(text);
}

core::Result<std::string> read_url(std::string_view text) {
  if (text.size() > kLongestUrl) {
    return core::Error{"expected a URL of at most " + std::to_string(kLongestUrl) + " bytes, found " +
                       std::to_string(text.size())};
  }
  if (const auto checked = check_http_url(text); !checked) {
    return checked.error();
  }
  return std::string(text);
}

}  // namespace

Key<Config> sinks_key() {
  const std::vector<Key<FileSink>> file_keys = {
      text_key("path", &FileSink::path, {.type = "path", .range = "absolute", .required = true, .read = read_path},
               "The file; one JSON object per line is appended."),
  };
  const std::vector<Key<WebhookSink>> webhook_keys = {
      text_key("url", &WebhookSink::url, {.type = "URL", .range = "http or https", .required = true, .read = read_url},
               "Where each event is sent by POST, as JSON."),
      duration_key("timeout", &WebhookSink::timeout, 100ms, 1min, "How long one attempt may take."),
      count_key("attempts", &WebhookSink::attempts, {1, 10}, "How often an event is tried before it counts as failed."),
      count_key("queue", &WebhookSink::queue, {1, 65536},
                "How many events may wait; when it is full the oldest is dropped and counted."),
  };
  const std::vector<Key<Sinks>> keys = {
      bool_key("syslog", &Sinks::syslog, "Sends alerts to the system log."),
      optional_map_key("file", &Sinks::file, file_keys, "Writes alerts to a file."),
      optional_map_key("webhook", &Sinks::webhook, webhook_keys, "Sends alerts to an HTTP server."),
  };
  return map_key("sinks", &Config::sinks, keys, "Where alerts go.");
}

}  // namespace tcpperf::config
