#include "adapters/procfs/read_file.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace tcpperf::adapters {

core::Result<std::string> read_proc_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return core::Error::from_errno("open " + path, errno);
  }
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t size = 0;
  do {
    size = ::read(fd, buffer.data(), buffer.size());
    if (size > 0) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
  } while (size > 0 || (size < 0 && errno == EINTR));
  const int error = errno;
  ::close(fd);
  if (size < 0) {
    return core::Error::from_errno("read " + path, error);
  }
  return text;
}

}  // namespace tcpperf::adapters
