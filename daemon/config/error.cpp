#include "config/error.h"

#include <algorithm>
#include <utility>

namespace tcpperf::config {

std::string format_error(std::string_view file, const ConfigError& error) {
  std::string text(error.file.empty() ? file : std::string_view(error.file));
  if (error.line > 0) {
    text += ":" + std::to_string(error.line);
    if (error.column > 0) {
      text += ":" + std::to_string(error.column);
    }
  }
  return text + ": " + error.message;
}

void ErrorLog::add(Position at, std::string message) {
  if (!full()) {
    errors_.push_back({at.line, at.column, std::move(message), {}});
  }
}

bool ErrorLog::has_error_at(Position at) const {
  return std::any_of(errors_.begin(), errors_.end(),
                     [&](const ConfigError& error) { return error.line == at.line && error.column == at.column; });
}

std::vector<ConfigError> ErrorLog::sorted() && {
  const bool was_full = full();
  std::stable_sort(errors_.begin(), errors_.end(), [](const ConfigError& a, const ConfigError& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  errors_.erase(std::unique(errors_.begin(), errors_.end()), errors_.end());
  if (was_full) {
    errors_.push_back({0, 0, "at most " + std::to_string(kMostErrors) + " errors are reported; there may be more", {}});
  }
  return std::move(errors_);
}

}  // namespace tcpperf::config
