#include "core/base/suggestion.h"

#include <algorithm>
#include <numeric>

namespace tcpperf::core {
namespace {

// More would hide the rest of the message; they are listed only when there is nothing better to say.
constexpr std::size_t kMostListed = 40;
constexpr std::size_t kLongestName = 64;  // nothing longer is a slip of a name

// How many letters must be inserted, removed, replaced or swapped with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_last.swap(last);
    last.swap(row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string_view> closest_name(std::string_view name, const std::vector<std::string_view>& known) {
  if (name.size() > kLongestName) {
    return std::nullopt;
  }
  std::optional<std::string_view> closest;
  std::size_t smallest = 0;
  for (const std::string_view candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance <= std::max<std::size_t>(1, candidate.size() / 3) && (!closest || distance < smallest)) {
      closest = candidate;
      smallest = distance;
    }
  }
  return closest;
}

std::string suggestion(std::string_view name, std::string_view these, const std::vector<std::string_view>& known) {
  std::string message = ";";
  if (const auto closest = closest_name(name, known)) {
    message += " did you mean '" + std::string(*closest) + "'?";
    if (known.size() > kMostListed) {
      return message;
    }
  }
  message += " " + std::string(these) + ": ";
  for (std::size_t i = 0; i < known.size(); ++i) {
    message += (i == 0 ? "" : ", ") + std::string(known[i]);
  }
  return message + (known.empty() ? "nothing" : "");
}

}  // namespace tcpperf::core
