// What to say about a name that does not exist.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tcpperf::core {

// The known name that `name` is probably a slip of: at most a third of its letters differ. The first of equals.
std::optional<std::string_view> closest_name(std::string_view name, const std::vector<std::string_view>& known);

// What follows "unknown key 'x'": "; did you mean 'y'? <these>: y, z", with "nothing" for an empty list.
std::string suggestion(std::string_view name, std::string_view these, const std::vector<std::string_view>& known);

}  // namespace tcpperf::core
