// Result<T>: a value or an Error, for every failure a caller is expected to handle.
//
// Errors are values in this project. Exceptions come only from foreign libraries and stop inside the
// adapter that calls them. An ignored Result is a compiler warning, and warnings are errors.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace tcpperf::core {

// What went wrong, as one sentence for an operator: what failed, why, and what to do where that is known.
struct Error {
  std::string message;
  int system_errno = 0;  // errno of the failed call; 0 when no system call was involved

  // "open /etc/x: Permission denied"; `context` names the operation and its object.
  static Error from_errno(const std::string& context, int err) { return {context + ": " + std::strerror(err), err}; }
  // The same error seen from one level up: "load probes: <message>".
  [[nodiscard]] Error within(const std::string& context) const { return {context + ": " + message, system_errno}; }
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // Precondition of all four: has_value().
  T& operator*() { return *std::get_if<0>(&state_); }
  const T& operator*() const { return *std::get_if<0>(&state_); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  // Precondition: !has_value().
  [[nodiscard]] const Error& error() const { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace tcpperf::core
