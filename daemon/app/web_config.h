// The web configuration file and what it names: read at the start, and again when one of them has changed.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/http/security.h"
#include "core/base/result.h"

namespace tcpperf::app {

// Thread-safe but for the destructor. Without a file: neither TLS nor a password, and nothing to read.
class WebConfig {
 public:
  using SecurityPointer = std::shared_ptr<const adapters::http::Security>;

  // The error has one line per mistake, each with file, line and column.
  static core::Result<std::unique_ptr<WebConfig>> load(const std::string& file);

  // What is in force. Looks at most once a second whether a file has changed, so that a renewed certificate is in use
  // for the next connection; a file with a mistake changes nothing and is logged once.
  SecurityPointer current();
  // The same at once, whether a file has changed or not. The error has been logged.
  core::Result<void> reload();

  [[nodiscard]] bool has_file() const { return !file_.empty(); }
  [[nodiscard]] bool last_reload_successful() const { return reload_successful_; }
  [[nodiscard]] double reload_success_unix_seconds() const { return reload_success_unix_seconds_; }

 private:
  // Of one file, what differs when it has been written or replaced.
  struct Fingerprint {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size_bytes = 0;
    std::int64_t changed_ns = 0;  // since 1970, of its content, owner and mode

    bool operator==(const Fingerprint&) const = default;
  };
  struct Loaded {
    core::Result<SecurityPointer> security;
    std::vector<Fingerprint> files;  // those that were read, or could not be
  };

  explicit WebConfig(std::string file) : file_(std::move(file)) {}
  static Fingerprint fingerprint(const std::string& path);
  [[nodiscard]] Loaded read() const;
  core::Result<void> reload_locked();
  [[nodiscard]] bool files_changed() const;

  const std::string file_;
  std::mutex mutex_;
  SecurityPointer current_;
  std::vector<Fingerprint> files_;
  std::chrono::nanoseconds looked_at_{0};
  std::atomic<bool> reload_successful_ = true;
  std::atomic<double> reload_success_unix_seconds_ = 0;
};

}  // namespace tcpperf::app
