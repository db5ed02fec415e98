#include <algorithm>
#include <array>

#include "adapters/procfs/process_metrics.h"
#include "adapters/procfs/words.h"

namespace tcpperf::adapters {
namespace {

using core::Error;
using core::Result;

// What follows `key` on the line that begins with it.
std::optional<std::string_view> value_of_line(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(key)) {
      return line.substr(key.size());
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::nullopt;
}

}  // namespace

Result<ProcessStat> parse_process_stat(std::string_view text, KernelUnits units) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) {
    return Error{"no command name in parentheses"};
  }
  text.remove_prefix(name_end + 1);

  // Numbered as in proc(5); the first field behind the name is number 3.
  constexpr std::size_t kFirst = 3;
  constexpr std::array<std::size_t, 6> kWanted = {14, 15, 20, 22, 23, 24};
  std::array<std::uint64_t, kWanted.size()> values{};
  std::size_t field = kFirst;
  for (std::size_t i = 0; i < kWanted.size(); ++i) {
    std::string_view word;
    for (; field <= kWanted[i]; ++field) {
      word = next_word(text);
    }
    const std::optional<std::uint64_t> value = whole_number(word);
    if (!value) {
      return Error{"field " + std::to_string(kWanted[i]) + " is not a number: '" + std::string(word) + "'"};
    }
    values[i] = *value;
  }
  const auto [user_ticks, system_ticks, threads, start_ticks, virtual_bytes, resident_pages] = values;
  const auto ticks_per_second = static_cast<double>(units.ticks_per_second);
  ProcessStat stat;
  stat.cpu_seconds = static_cast<double>(user_ticks + system_ticks) / ticks_per_second;
  stat.threads = threads;
  stat.start_seconds_after_boot = static_cast<double>(start_ticks) / ticks_per_second;
  stat.virtual_bytes = virtual_bytes;
  stat.resident_bytes = resident_pages * static_cast<std::uint64_t>(units.page_bytes);
  return stat;
}

Result<std::optional<std::uint64_t>> parse_max_open_files(std::string_view text) {
  std::optional<std::string_view> line = value_of_line(text, "Max open files");
  if (!line) {
    return Error{"no line 'Max open files'"};
  }
  const std::string_view soft = next_word(*line);
  if (soft == "unlimited") {
    return std::optional<std::uint64_t>();
  }
  const std::optional<std::uint64_t> value = whole_number(soft);
  if (!value) {
    return Error{"the limit of open files is not a number: '" + std::string(soft) + "'"};
  }
  return value;
}

Result<std::uint64_t> parse_boot_time(std::string_view text) {
  std::optional<std::string_view> line = value_of_line(text, "btime ");
  const std::optional<std::uint64_t> value = line ? whole_number(next_word(*line)) : std::nullopt;
  if (!value) {
    return Error{"no line 'btime' with a number"};
  }
  return *value;
}

}  // namespace tcpperf::adapters
