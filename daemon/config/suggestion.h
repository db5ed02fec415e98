// What to say about a name that does not exist.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpperf::config {

// The known name that `name` is probably a slip of: at most a third of its letters differ. The first of equals.
std::optional<std::string_view> closest_name(std::string_view name, const std::vector<std::string_view>& known);

// "unknown <kind> 'x'; did you mean 'y'? allowed: y, z".
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string_view>& known);

}  // namespace tcpperf::config
