#include "adapters/expression/suggestion.h"

#include <algorithm>
#include <numeric>

namespace tcpperf::adapters {
namespace {

// Levenshtein distance.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

core::Error unknown_signal(std::string_view name, const std::vector<std::string>& known) {
  std::string message = "unknown signal '" + std::string(name) + "'";
  if (known.empty()) {
    return {message + "; no signal is known, because no probe defines one"};
  }
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name, a) < edit_distance(name, b);
  });
  // Up to a third of the letters wrong is a slip; more is another word.
  if (edit_distance(name, *nearest) <= std::max<std::size_t>(1, nearest->size() / 3)) {
    message += "; did you mean '" + *nearest + "'?";
  }
  message += " known: ";
  for (std::size_t i = 0; i < known.size(); ++i) {
    message += (i == 0 ? "" : ", ") + known[i];
  }
  return {message};
}

}  // namespace tcpperf::adapters
