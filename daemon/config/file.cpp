#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/parser.h"
#include "config/yaml_tree.h"

namespace tcpperf::config {
namespace {

// Closes at the end of the scope.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) {
      close(fd_);
    }
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

core::Result<std::string> read_config_file(const std::string& path) {
  // O_NONBLOCK: opening a FIFO that nobody writes must not hang; it has no effect on a regular file.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (file.get() < 0) {
    return core::Error::from_errno("open " + path, errno);
  }
  struct stat status {};
  if (fstat(file.get(), &status) != 0) {
    return core::Error::from_errno("stat " + path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return core::Error{path + " is not a regular file"};
  }
  // One byte more than allowed, so that a larger file shows, even one that grows.
  std::string text(kLargestFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return core::Error::from_errno("read " + path, errno);
    }
    if (count == 0) {
      text.resize(size);
      return text;
    }
    size += static_cast<std::size_t>(count);
  }
  return core::Error{path + " is larger than " + std::to_string(kLargestFile) + " bytes"};
}

}  // namespace tcpperf::config
