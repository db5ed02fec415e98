// The file sink on real files.
#include "adapters/sinks/file_sink.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/resource.h>
#include <sys/stat.h>

#include "adapters/sinks/alert_json.h"
#include "adapters/sinks/sink_support.h"
#include "catch.h"

using tcpperf::adapters::FileSink;
using tcpperf::adapters::to_json;
using tcpperf::sink_tests::firing;
using tcpperf::sink_tests::resolved;
using tcpperf::sink_tests::TemporaryDirectory;

namespace {

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
  }
  return lines;
}

std::unique_ptr<FileSink> open(const std::string& path) {
  auto sink = FileSink::open(path, "web-1");
  INFO((sink ? "" : sink.error().message));
  REQUIRE(sink);
  return std::move(*sink);
}

std::string open_error(const std::string& path) {
  const auto sink = FileSink::open(path, "web-1");
  REQUIRE_FALSE(sink);
  INFO(sink.error().message);
  CHECK(sink.error().message.find(path) != std::string::npos);
  return sink.error().message;
}

// Lets no file of the process grow beyond `bytes`.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_signal_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, before_signal_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  sighandler_t before_signal_ = SIG_DFL;
};

}  // namespace

TEST_CASE("every event is one line of JSON at the end of the file", "[sinks][file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("alerts.jsonl");
  std::ofstream(path) << "{\"old\":1}\n";
  const auto sink = open(path);
  sink->deliver(firing());
  sink->deliver(resolved());
  CHECK(lines_of(path) ==
        std::vector<std::string>{"{\"old\":1}", to_json(firing(), "web-1"), to_json(resolved(), "web-1")});
  CHECK(sink->counts().delivered == 2);
  CHECK(sink->counts().failed == 0);
  CHECK(sink->name() == "file");
}

TEST_CASE("a new file is readable by its group and nobody else", "[sinks][file]") {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(0);
  const auto sink = open(directory.file("alerts.jsonl"));
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat(directory.file("alerts.jsonl").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777U) == 0640U);
}

TEST_CASE("the directory must exist", "[sinks][file]") {
  const TemporaryDirectory directory;
  CHECK(open_error(directory.file("none/alerts.jsonl")).find("No such file") != std::string::npos);
}

TEST_CASE("a symbolic link is refused and its target stays untouched, a linked directory is fine", "[sinks][file]") {
  const TemporaryDirectory directory;
  std::ofstream(directory.file("target")) << "mine\n";
  std::filesystem::create_symlink(directory.file("target"), directory.file("alerts.jsonl"));
  CHECK(open_error(directory.file("alerts.jsonl")).find("symbolic link") != std::string::npos);
  CHECK(lines_of(directory.file("target")) == std::vector<std::string>{"mine"});

  std::filesystem::create_directory(directory.file("real"));
  std::filesystem::create_directory_symlink(directory.file("real"), directory.file("linked"));
  open(directory.file("linked/alerts.jsonl"))->deliver(firing());
  CHECK(lines_of(directory.file("real/alerts.jsonl")).size() == 1);
}

TEST_CASE("a pipe, a device and a directory are refused at once", "[sinks][file]") {
  const TemporaryDirectory directory;
  REQUIRE(::mkfifo(directory.file("pipe").c_str(), 0600) == 0);
  CHECK(open_error(directory.file("pipe")).find("not a regular file") != std::string::npos);
  CHECK(open_error("/dev/null").find("not a regular file") != std::string::npos);
  std::filesystem::create_directory(directory.file("directory"));
  open_error(directory.file("directory"));
}

TEST_CASE("after a rotation reopen() creates the new file", "[sinks][file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("alerts.jsonl");
  const auto sink = open(path);
  sink->deliver(firing("one"));
  std::filesystem::rename(path, path + ".1");
  sink->reopen();
  CHECK(std::filesystem::exists(path));
  sink->deliver(firing("two"));
  CHECK(lines_of(path + ".1") == std::vector<std::string>{to_json(firing("one"), "web-1")});
  CHECK(lines_of(path) == std::vector<std::string>{to_json(firing("two"), "web-1")});
}

TEST_CASE("a rotation without a signal is noticed by the next event", "[sinks][file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("alerts.jsonl");
  const auto sink = open(path);
  sink->deliver(firing("one"));
  std::filesystem::rename(path, path + ".1");
  sink->deliver(firing("two"));
  CHECK(lines_of(path + ".1").size() == 1);
  CHECK(lines_of(path).size() == 1);
  std::filesystem::remove(path);
  sink->deliver(firing("three"));
  CHECK(lines_of(path) == std::vector<std::string>{to_json(firing("three"), "web-1")});
  CHECK(sink->counts().delivered == 3);
}

TEST_CASE("a truncated file goes on at its new end", "[sinks][file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("alerts.jsonl");
  const auto sink = open(path);
  sink->deliver(firing("one"));
  std::filesystem::resize_file(path, 0);
  sink->deliver(firing("two"));
  CHECK(lines_of(path) == std::vector<std::string>{to_json(firing("two"), "web-1")});
}

TEST_CASE("a file that cannot be opened again fails every event until it can", "[sinks][file]") {
  const TemporaryDirectory directory;
  std::filesystem::create_directory(directory.file("logs"));
  const std::string path = directory.file("logs/alerts.jsonl");
  const auto sink = open(path);
  std::filesystem::rename(directory.file("logs"), directory.file("away"));
  sink->reopen();
  sink->deliver(firing());
  sink->deliver(firing());
  CHECK(sink->counts().failed == 2);
  CHECK(sink->last_error().find("No such file") != std::string::npos);
  std::filesystem::create_directory(directory.file("logs"));
  sink->deliver(firing());
  CHECK(sink->counts().delivered == 1);
  CHECK(lines_of(path).size() == 1);
}

TEST_CASE("a link put in the file's place is not followed", "[sinks][file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("alerts.jsonl");
  const auto sink = open(path);
  std::filesystem::remove(path);
  std::filesystem::create_symlink(directory.file("target"), path);
  sink->deliver(firing());
  CHECK(sink->counts().failed == 1);
  CHECK_FALSE(std::filesystem::exists(directory.file("target")));
}

TEST_CASE("a partial write is a failure, and the next event begins a new line", "[sinks][file]") {
  const TemporaryDirectory directory;
  const std::string path = directory.file("alerts.jsonl");
  const auto sink = open(path);
  {
    const FileSizeLimit limit(100);
    sink->deliver(firing("torn"));
    CHECK(sink->counts().failed == 1);
    CHECK(sink->last_error().find("only 100 of") != std::string::npos);
    sink->deliver(firing("refused"));
    CHECK(sink->counts().failed == 2);
    CHECK(sink->last_error().find("File too large") != std::string::npos);
  }
  sink->deliver(firing("whole"));
  sink->deliver(firing("after"));
  const auto lines = lines_of(path);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == to_json(firing("torn"), "web-1").substr(0, 100));
  CHECK(lines[1] == to_json(firing("whole"), "web-1"));
  CHECK(lines[2] == to_json(firing("after"), "web-1"));
  CHECK(sink->counts().delivered == 2);
}
