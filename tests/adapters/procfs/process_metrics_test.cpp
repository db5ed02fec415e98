// The daemon's own cost: the parsers on known texts, the reader on a made-up tree and on the real /proc.
#include "adapters/procfs/process_metrics.h"

#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "adapters/sinks/sink_support.h"
#include "catch.h"

using namespace tcpperf::adapters;
using tcpperf::sink_tests::TemporaryDirectory;

namespace {

const std::string stat_text =
    "4242 (tcp) perf (d) S 1 4242 4242 0 -1 4194560 1111 2222 33 44 1250 375 5 6 20 0 9 0 123450 73400320 2048 "
    "18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
const std::string limits_text =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max processes             127203               127203               processes \n"
    "Max open files            1024                 524288               files     \n"
    "Max locked memory         unlimited            unlimited            bytes     \n";
const std::string system_stat_text = "cpu  1 2 3 4\ncpu0 1 2 3 4\nintr 5 0 0\nctxt 9\nbtime 1700000000\nprocesses 77\n";

// A tree like /proc with this process in it.
class Tree {
 public:
  Tree() {
    std::filesystem::create_directories(root() + "/self/fd");
    write("self/stat", stat_text);
    write("self/limits", limits_text);
    write("stat", system_stat_text);
    for (const char* fd : {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}) {
      write("self/fd/" + std::string(fd), "");
    }
  }
  void write(const std::string& name, const std::string& text) const { std::ofstream(root() + "/" + name) << text; }
  void remove(const std::string& name) const { std::filesystem::remove_all(root() + "/" + name); }
  [[nodiscard]] std::string root() const { return directory_.file("proc"); }

 private:
  TemporaryDirectory directory_;
};

std::string error_of(const Tree& tree) {
  const auto metrics = read_process_metrics(tree.root());
  REQUIRE_FALSE(metrics);
  return metrics.error().message;
}

bool contains(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a process's stat line is read by the kernel's units, whatever the command is called", "[procfs]") {
  const auto stat = parse_process_stat(stat_text, {100, 4096});
  REQUIRE(stat);
  CHECK(stat->cpu_seconds == 16.25);
  CHECK(stat->threads == 9);
  CHECK(stat->start_seconds_after_boot == 1234.5);
  CHECK(stat->virtual_bytes == 73400320);
  CHECK(stat->resident_bytes == 2048UL * 4096);

  const auto other_units = parse_process_stat(stat_text, {1000, 65536});
  REQUIRE(other_units);
  CHECK(other_units->cpu_seconds == 1.625);
  CHECK(other_units->resident_bytes == 2048UL * 65536);
}

TEST_CASE("a stat line that is cut off or garbled is an error", "[procfs]") {
  CHECK_FALSE(parse_process_stat("", {}).has_value());
  CHECK_FALSE(parse_process_stat("4242 no name", {}).has_value());
  CHECK_FALSE(parse_process_stat("4242 (x)", {}).has_value());
  const std::string upto_rss = stat_text.substr(0, stat_text.find(" 2048") + 5);
  CHECK(parse_process_stat(upto_rss, {}).has_value());
  CHECK_FALSE(parse_process_stat(upto_rss.substr(0, upto_rss.size() - 5), {}).has_value());
  std::string garbled = stat_text;
  garbled.replace(garbled.find("1250"), 4, "12x0");
  const auto result = parse_process_stat(garbled, {});
  REQUIRE_FALSE(result);
  contains(result.error().message, "field 14 is not a number: '12x0'");
}

TEST_CASE("the soft limit of open files is read", "[procfs]") {
  const auto limit = parse_max_open_files(limits_text);
  REQUIRE(limit);
  CHECK(*limit == 1024U);
  const auto unlimited = parse_max_open_files("Max open files            unlimited   unlimited   files\n");
  REQUIRE(unlimited);
  CHECK_FALSE(unlimited->has_value());
  CHECK_FALSE(parse_max_open_files("").has_value());
  CHECK_FALSE(parse_max_open_files("Max processes 1 2 processes\n").has_value());
  CHECK_FALSE(parse_max_open_files("Max open files").has_value());
  CHECK_FALSE(parse_max_open_files("Max open files many files").has_value());
}

TEST_CASE("the boot time is read", "[procfs]") {
  const auto boot = parse_boot_time(system_stat_text);
  REQUIRE(boot);
  CHECK(*boot == 1700000000U);
  CHECK_FALSE(parse_boot_time("").has_value());
  CHECK_FALSE(parse_boot_time("cpu 1\nxbtime 5\n").has_value());
  CHECK_FALSE(parse_boot_time("btime soon\n").has_value());
  CHECK_FALSE(parse_boot_time("btime \n").has_value());
}

TEST_CASE("a whole tree is read", "[procfs]") {
  const Tree tree;
  const auto metrics = read_process_metrics(tree.root());
  REQUIRE(metrics);
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  CHECK(metrics->cpu_seconds == Approx(1625 / ticks));
  CHECK(metrics->resident_bytes == 2048U * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  CHECK(metrics->virtual_bytes == 73400320U);
  CHECK(metrics->open_fds == 12);
  CHECK(metrics->max_fds == 1024U);
  CHECK(metrics->threads == 9);
  REQUIRE(metrics->start_time_unix_seconds.has_value());
  CHECK(*metrics->start_time_unix_seconds == Approx(1700000000 + 123450 / ticks));
}

TEST_CASE("without the boot time only the start time is missing", "[procfs]") {
  const Tree tree;
  tree.remove("stat");
  const auto metrics = read_process_metrics(tree.root());
  REQUIRE(metrics);
  CHECK_FALSE(metrics->start_time_unix_seconds.has_value());
  CHECK(metrics->threads == 9);
}

TEST_CASE("a file that is missing or garbled is named", "[procfs]") {
  {
    const Tree tree;
    tree.write("self/stat", "nonsense");
    contains(error_of(tree), tree.root() + "/self/stat: no command name");
  }
  {
    const Tree tree;
    tree.write("self/limits", "");
    contains(error_of(tree), tree.root() + "/self/limits: no line");
  }
  for (const char* name : {"self/stat", "self/limits", "self/fd"}) {
    const Tree tree;
    tree.remove(name);
    contains(error_of(tree), "open " + tree.root() + "/" + name + ": No such file");
  }
}

TEST_CASE("the real process is read and believable", "[procfs]") {
  const auto before = read_process_metrics();
  REQUIRE(before);
  CHECK(before->resident_bytes > 1U << 20U);
  CHECK(before->virtual_bytes > before->resident_bytes);
  CHECK(before->threads >= 1);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  CHECK(before->max_fds ==
        (limit.rlim_cur == RLIM_INFINITY ? std::nullopt : std::optional<std::uint64_t>(limit.rlim_cur)));
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  REQUIRE(before->start_time_unix_seconds.has_value());
  CHECK(*before->start_time_unix_seconds < now.count() + 5);
  CHECK(*before->start_time_unix_seconds > now.count() - 3600);
}

TEST_CASE("the real process's descriptors are counted without the one that counts", "[procfs]") {
  std::uint64_t open = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  const auto metrics = read_process_metrics();
  REQUIRE(metrics);
  CHECK(metrics->open_fds == open);
}

TEST_CASE("processor time used shows up", "[procfs]") {
  const auto before = read_process_metrics();
  REQUIRE(before);
  const std::clock_t start = std::clock();
  while (std::clock() - start < CLOCKS_PER_SEC / 10) {
  }
  const auto after = read_process_metrics();
  REQUIRE(after);
  CHECK(after->cpu_seconds >= before->cpu_seconds + 0.05);
}
