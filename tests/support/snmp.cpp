#include "support/snmp.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace tcpperf::test {

namespace {

// /proc/net is the namespace of the process's first thread; only thread-self follows a setns() of this thread.
std::string read_own(const char* name) {
  const std::string path = std::string("/proc/thread-self/net/") + name;
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file || text.empty()) {
    throw std::runtime_error("read " + path + " failed");
  }
  return text;
}

}  // namespace

void parse_snmp(std::string_view text, SnmpCounters& counters) {
  std::istringstream lines{std::string(text)};
  std::string name_line;
  std::string value_line;
  while (std::getline(lines, name_line)) {
    if (!std::getline(lines, value_line)) {
      throw std::runtime_error("names without values: " + name_line);
    }
    std::istringstream names(name_line);
    std::istringstream values(value_line);
    std::string group;
    std::string values_group;
    names >> group;
    values >> values_group;
    if (group.empty() || group.back() != ':' || group != values_group) {
      throw std::runtime_error("names and values do not belong together: " + name_line);
    }
    group.back() = '.';
    std::string name;
    while (names >> name) {
      name.insert(0, group);
      std::string value;
      if (!(values >> value)) {
        throw std::runtime_error("no value for " + name);
      }
      counters[name] = value.starts_with('-') ? static_cast<std::uint64_t>(std::stoll(value))
                                              : static_cast<std::uint64_t>(std::stoull(value));
    }
  }
}

SnmpCounters read_snmp(const Side& side) {
  return in_namespace(side, [] {
    SnmpCounters counters;
    parse_snmp(read_own("snmp"), counters);
    parse_snmp(read_own("netstat"), counters);
    return counters;
  });
}

SnmpCounters delta(const SnmpCounters& after, const SnmpCounters& before) {
  SnmpCounters difference;
  for (const auto& [name, value] : after) {
    const auto earlier = before.find(name);
    difference[name] = value - (earlier == before.end() ? 0 : earlier->second);
  }
  return difference;
}

}  // namespace tcpperf::test
