// The reading side of journald's native protocol, as its documentation has it.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

namespace tcpperf::sink_tests {

// The fields of one datagram, by name. Throws where it is malformed, or has a name that journald refuses.
inline std::map<std::string, std::string> journal_fields(const std::string& datagram) {
  constexpr std::size_t kLengthBytes = 8;
  std::map<std::string, std::string> fields;
  std::size_t at = 0;
  while (at < datagram.size()) {
    const std::size_t end = datagram.find_first_of("=\n", at);
    if (end == std::string::npos) {
      throw std::runtime_error("no end of the name at byte " + std::to_string(at));
    }
    const std::string name = datagram.substr(at, end - at);
    if (name.empty() || name.size() > 64 || name[0] < 'A' || name[0] > 'Z' ||
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != std::string::npos) {
      throw std::runtime_error("not the name of a field: " + name);
    }
    std::string value;
    if (datagram[end] == '=') {
      at = datagram.find('\n', end);
      value = datagram.substr(end + 1, at - end - 1);
    } else {
      std::uint64_t length = 0;
      for (std::size_t i = 0; i < kLengthBytes; ++i) {
        length |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(datagram.at(end + 1 + i))) << (8 * i);
      }
      at = end + 1 + kLengthBytes + length;
      value = datagram.substr(end + 1 + kLengthBytes, length);
    }
    if (at >= datagram.size() || datagram[at] != '\n') {
      throw std::runtime_error("no line break after " + name);
    }
    ++at;
    if (!fields.emplace(name, value).second) {
      throw std::runtime_error("twice: " + name);
    }
  }
  return fields;
}

}  // namespace tcpperf::sink_tests
