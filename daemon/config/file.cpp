#include <cerrno>

#include <fcntl.h>
#include <glob.h>
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

constexpr std::size_t kMostRuleFiles = 1024;

// Frees what glob() has found at the end of the scope.
struct Found {
  glob_t paths{};
  Found() = default;
  ~Found() { globfree(&paths); }
  Found(const Found&) = delete;
  Found& operator=(const Found&) = delete;
};

// A folder that is not there has no files; one that cannot be read may have.
int stop_at(const char* /*path*/, int error) {
  return error == ENOENT ? 0 : 1;
}

core::Result<std::vector<std::string>> matches_of(const std::string& pattern) {
  Found found;
  switch (glob(pattern.c_str(), 0, stop_at, &found.paths)) {
    case 0: break;
    case GLOB_NOMATCH: return std::vector<std::string>();
    default: return core::Error::from_errno("look for " + pattern, errno);
  }
  if (found.paths.gl_pathc > kMostRuleFiles) {
    return core::Error{pattern + " matches more than " + std::to_string(kMostRuleFiles) + " files"};
  }
  return std::vector<std::string>(found.paths.gl_pathv, found.paths.gl_pathv + found.paths.gl_pathc);
}

}  // namespace

core::Result<std::vector<RuleFile>> find_rule_files(const std::string& main_file, const std::string& pattern) {
  const std::size_t name = main_file.rfind('/');
  const bool relative = pattern.empty() || pattern.front() != '/';
  const std::string path = relative && name != std::string::npos ? main_file.substr(0, name + 1) + pattern : pattern;
  std::vector<std::string> paths{path};
  // A folder of the main file may have such characters in its name, so only the entry's own count.
  if (pattern.find_first_of("*?[") != std::string::npos) {
    core::Result<std::vector<std::string>> matches = matches_of(path);
    if (!matches) {
      return matches.error();
    }
    paths = std::move(*matches);
  }
  std::vector<RuleFile> files;
  for (std::string& found : paths) {
    core::Result<std::string> text = read_config_file(found);
    if (!text) {
      return text.error();
    }
    files.push_back({std::move(found), std::move(*text)});
  }
  return files;
}

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
