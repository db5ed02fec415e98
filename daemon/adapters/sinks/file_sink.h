// Alerts to a file, one JSON object per line.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "adapters/sinks/delivery_counters.h"
#include "adapters/sinks/file_descriptor.h"
#include "core/base/result.h"
#include "core/ports/alert_sink.h"

namespace tcpperf::adapters {

// Appends every event with one write(2), to the page cache; keep the file on a local disk. The file is created with
// mode 0640 in a directory that must exist.
//
// Rotation needs no signal: when the path names another file than the one that is open (rotated, removed, replaced),
// the next event goes to the file that the path names. reopen() does the same at once, for `postrotate` scripts.
// `copytruncate` works as well, as every write appends.
//
// The path must be a regular file and not a symbolic link (its directories may be links): the daemon is privileged, and
// who may write in a shared directory must not choose which file it appends to. logrotate does not follow such a link
// either. Devices and pipes are refused because they can block.
class FileSink final : public core::AlertSink {
 public:
  // Opens the file. `host`: the host name for the records.
  static core::Result<std::unique_ptr<FileSink>> open(std::string path, std::string host);

  [[nodiscard]] std::string_view name() const override { return "file"; }
  void deliver(const core::AlertEvent& event) override;
  [[nodiscard]] core::DeliveryCounts counts() const override { return counters_.counts(); }
  [[nodiscard]] std::string last_error() const override { return counters_.last_error(); }
  void reopen() override;

 private:
  FileSink(std::string path, std::string host) : path_(std::move(path)), host_(std::move(host)) {}
  core::Result<void> open_file();
  [[nodiscard]] bool path_names_the_open_file() const;

  std::string path_;
  std::string host_;
  FileDescriptor file_;
  bool torn_line_ = false;  // the last write ended inside of a line
  DeliveryCounters counters_;
};

}  // namespace tcpperf::adapters
