// What is wrong with a configuration file, and where.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tcpperf::config {

// A place in the file. Lines and columns count from 1, columns in characters; 0 means the whole file (or line).
struct Position {
  int line = 0;
  int column = 0;

  auto operator<=>(const Position&) const = default;
};

// One thing an operator has to change. The message says which key, what was expected and what was found.
struct ConfigError {
  int line = 0;
  int column = 0;
  std::string message;
  std::string file{};  // empty: the main file

  bool operator==(const ConfigError&) const = default;
};

// "file:line:column: message", without the numbers that are 0. `file`: the main file.
std::string format_error(std::string_view file, const ConfigError& error);

// Collects errors in any order. Bounded, because an alias can repeat the same faulty part very often.
class ErrorLog {
 public:
  static constexpr std::size_t kMostErrors = 1000;

  void add(Position at, std::string message);
  // No further error is kept; who would only find more errors can stop.
  [[nodiscard]] bool full() const { return errors_.size() >= kMostErrors; }
  [[nodiscard]] bool empty() const { return errors_.empty(); }
  [[nodiscard]] bool has_error_at(Position at) const;
  // By position, each once; when the log is full, a last one says so.
  [[nodiscard]] std::vector<ConfigError> sorted() &&;

 private:
  std::vector<ConfigError> errors_;
};

}  // namespace tcpperf::config
