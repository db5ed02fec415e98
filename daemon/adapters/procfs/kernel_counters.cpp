#include "adapters/procfs/kernel_counters.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>
#include <unistd.h>

#include "adapters/procfs/read_file.h"
#include "adapters/procfs/words.h"

namespace tcpperf::adapters {
namespace {

using core::Error;
using core::Result;

// The counter among `names` that group ("TcpExt:") and name ("ListenDrops") make together.
std::size_t find_counter(std::span<const std::string_view> names, std::string_view group, std::string_view name) {
  group.remove_suffix(1);
  const auto found = std::find_if(names.begin(), names.end(), [&](std::string_view wanted) {
    return wanted.size() == group.size() + name.size() && wanted.starts_with(group) && wanted.ends_with(name);
  });
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

// Two lines per group: "Tcp: ActiveOpens PassiveOpens", "Tcp: 17 4".
Result<void> parse_kernel_counters(std::string_view text, std::span<const std::string_view> names,
                                   std::span<std::optional<std::uint64_t>> values) {
  while (!text.empty()) {
    std::string_view name_line = next_line(text);
    std::string_view value_line = next_line(text);
    const std::string_view group = next_word(name_line);
    if (group.size() < 2 || group.back() != ':' || next_word(value_line) != group) {
      return Error{"a line of names and one of values do not belong together: '" + std::string(group) + "'"};
    }
    for (std::string_view name = next_word(name_line); !name.empty(); name = next_word(name_line)) {
      const std::string_view word = next_word(value_line);
      const std::size_t counter = find_counter(names, group, name);
      if (counter == names.size()) {
        continue;
      }
      values[counter] = whole_number(word);
      if (!values[counter]) {
        return Error{std::string(names[counter]) + " is not a number: '" + std::string(word) + "'"};
      }
    }
  }
  return {};
}

// "TCP: inuse 5 orphan 0 tw 1 alloc 7 mem 3"
Result<std::uint64_t> parse_tcp_memory(std::string_view text) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) != "TCP:") {
      continue;
    }
    for (std::string_view name = next_word(line); !name.empty(); name = next_word(line)) {
      const std::optional<std::uint64_t> value = whole_number(next_word(line));
      if (name == "mem" && value) {
        return *value;
      }
    }
  }
  return Error{"no line 'TCP:' with a number behind 'mem'"};
}

Result<std::array<std::uint64_t, 3>> parse_tcp_memory_limits(std::string_view text) {
  std::array<std::uint64_t, 3> limits{};
  for (std::uint64_t& limit : limits) {
    const std::string_view word = next_word(text);
    const std::optional<std::uint64_t> value = whole_number(word);
    if (!value) {
      return Error{"three numbers expected, found '" + std::string(word) + "'"};
    }
    limit = *value;
  }
  return limits;
}

Result<std::vector<std::optional<std::uint64_t>>> read_kernel_counters(std::span<const std::string_view> names,
                                                                       const std::string& root) {
  std::vector<std::optional<std::uint64_t>> values(names.size());
  for (const char* file : {"/self/net/snmp", "/self/net/netstat"}) {
    const Result<std::string> text = read_proc_file(root + file);
    if (!text) {
      return text.error();
    }
    if (const Result<void> parsed = parse_kernel_counters(*text, names, values); !parsed) {
      return parsed.error().within(root + file);
    }
  }
  return values;
}

Result<TcpMemory> read_tcp_memory(const std::string& root) {
  const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::string sockstat = root + "/self/net/sockstat";
  const Result<std::string> text = read_proc_file(sockstat);
  if (!text) {
    return text.error();
  }
  const Result<std::uint64_t> pages = parse_tcp_memory(*text);
  if (!pages) {
    return pages.error().within(sockstat);
  }
  TcpMemory memory{*pages * page_bytes, {}};
  const std::string limits_file = root + "/sys/net/ipv4/tcp_mem";
  if (const Result<std::string> limits_text = read_proc_file(limits_file); limits_text) {
    Result<std::array<std::uint64_t, 3>> limits = parse_tcp_memory_limits(*limits_text);
    if (!limits) {
      return limits.error().within(limits_file);
    }
    for (std::uint64_t& limit : *limits) {
      limit *= page_bytes;
    }
    memory.limits = *limits;
  }
  return memory;
}

Result<std::uint32_t> own_network_namespace(const std::string& root) {
  const std::string path = root + "/self/ns/net";
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return Error::from_errno("stat " + path, errno);
  }
  return static_cast<std::uint32_t>(status.st_ino);
}

}  // namespace tcpperf::adapters
