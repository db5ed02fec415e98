// Reading the file itself.
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

using tcpperf::config::read_config_file;

namespace {

// A directory that disappears with its files.
class TemporaryDirectory {
 public:
  TemporaryDirectory() { REQUIRE(mkdtemp(path_.data()) != nullptr); }
  ~TemporaryDirectory() {
    unlink(file().c_str());
    rmdir(path_.c_str());
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string file() const { return path_ + "/file"; }
  void write(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }

 private:
  std::string path_ = "/tmp/tcpperf-test-XXXXXX";
};

}  // namespace

TEST_CASE("a file is read as it is", "[config]") {
  const TemporaryDirectory directory;
  const std::string text("tick: 5s\r\n\0\xff", 12);
  directory.write(text);
  const auto result = read_config_file(directory.file());
  REQUIRE(result);
  CHECK(*result == text);
}

TEST_CASE("a file of 1 MiB is read, one byte more is refused", "[config]") {
  const TemporaryDirectory directory;
  directory.write(std::string(1 << 20, 'x'));
  REQUIRE(read_config_file(directory.file()));
  directory.write(std::string((1 << 20) + 1, 'x'));
  const auto result = read_config_file(directory.file());
  REQUIRE_FALSE(result);
  CHECK(result.error().message == directory.file() + " is larger than 1048576 bytes");
}

TEST_CASE("a missing file is an error with its name and reason", "[config]") {
  const TemporaryDirectory directory;
  const auto result = read_config_file(directory.file());
  REQUIRE_FALSE(result);
  CHECK(result.error().message == "open " + directory.file() + ": No such file or directory");
  CHECK(result.error().system_errno == ENOENT);
}

TEST_CASE("a directory and a FIFO are refused without waiting", "[config]") {
  const TemporaryDirectory directory;
  CHECK(read_config_file(directory.path()).error().message == directory.path() + " is not a regular file");
  REQUIRE(mkfifo(directory.file().c_str(), 0600) == 0);
  CHECK(read_config_file(directory.file()).error().message == directory.file() + " is not a regular file");
}
