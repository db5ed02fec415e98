#include "adapters/sinks/file_sink.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/sinks/alert_json.h"

namespace tcpperf::adapters {

using core::Error;
using core::Result;

Result<std::unique_ptr<FileSink>> FileSink::open(std::string path, std::string host) {
  std::unique_ptr<FileSink> sink(new FileSink(std::move(path), std::move(host)));
  const Result<void> opened = sink->open_file();
  if (!opened) {
    return opened.error();
  }
  return sink;
}

Result<void> FileSink::open_file() {
  file_.reset();
  constexpr mode_t kOwnerWritesGroupReads = 0640;
  // O_NONBLOCK: opening a pipe that nobody reads would wait for its reader. Regular files know no such waiting.
  FileDescriptor file(::open(path_.c_str(),
                             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
                             kOwnerWritesGroupReads));
  if (!file.is_open()) {
    const int error = errno;
    if (error == ELOOP) {
      return Error{"open " + path_ + ": is a symbolic link, which alert files must not be; name its target", error};
    }
    if (error == ENXIO) {
      return Error{"open " + path_ + ": not a regular file", error};
    }
    return Error::from_errno("open " + path_, error);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) {
    return Error::from_errno("stat " + path_, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{"open " + path_ + ": not a regular file"};
  }
  file_ = std::move(file);
  torn_line_ = false;
  return {};
}

bool FileSink::path_names_the_open_file() const {
  struct stat named {};
  struct stat open {};
  return file_.is_open() && ::lstat(path_.c_str(), &named) == 0 && ::fstat(file_.get(), &open) == 0 &&
         named.st_dev == open.st_dev && named.st_ino == open.st_ino;
}

void FileSink::deliver(const core::AlertEvent& event) {
  if (!path_names_the_open_file()) {
    const Result<void> opened = open_file();
    if (!opened) {
      counters_.failed(opened.error().message);
      return;
    }
  }
  const std::string line = (torn_line_ ? "\n" : "") + to_json(event, host_) + "\n";
  const ssize_t written = ::write(file_.get(), line.data(), line.size());
  if (written < 0) {
    counters_.failed(Error::from_errno("write " + path_, errno).message);
    return;
  }
  const auto size = static_cast<std::size_t>(written);
  if (size < line.size()) {
    torn_line_ = torn_line_ ? size != 1 : size != 0;
    counters_.failed("write " + path_ + ": only " + std::to_string(size) + " of " + std::to_string(line.size()) +
                     " bytes were taken; is the disk full?");
    return;
  }
  torn_line_ = false;
  counters_.delivered();
}

void FileSink::reopen() {
  // A failure is not lost: the next event tries again and is counted.
  const Result<void> opened = open_file();
  static_cast<void>(opened);
}

}  // namespace tcpperf::adapters
