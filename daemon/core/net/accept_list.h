// The lists of HTTP's Accept and Accept-Encoding headers (RFC 9110, 12.4.2): names with parameters and a weight.
#pragma once

#include <string_view>
#include <vector>

namespace tcpperf::core {

// One element of the list. Views into the parsed header: valid as long as it is.
struct AcceptItem {
  static constexpr int kFullWeight = 1000;

  std::string_view name;              // "text/plain", "gzip", "*"; as written, without surrounding blanks
  std::string_view parameters;        // what follows the first ';', as written; empty when there is none
  int weight_permille = kFullWeight;  // q; 0 means "not acceptable"

  // The value of a parameter, without quotes; empty when there is none. Names compare without case.
  [[nodiscard]] std::string_view parameter(std::string_view parameter_name) const;
};

// Elements in the order of the header. Total: whatever a client sends gives a list. An element with an empty name or a
// malformed weight says nothing and is left out.
std::vector<AcceptItem> parse_accept_list(std::string_view header);

// Equal but for the case of ASCII letters, as HTTP compares names.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace tcpperf::core
