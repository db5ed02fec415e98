// Responses by status code. Internal to this adapter.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace tcpperf::adapters::http {

// Thread-safe.
class StatusCounts {
 public:
  void add(unsigned status) { counts_[position(status)].fetch_add(1, std::memory_order_relaxed); }

  [[nodiscard]] std::vector<std::pair<std::string_view, std::uint64_t>> read() const {
    std::vector<std::pair<std::string_view, std::uint64_t>> result;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      result.emplace_back(i < kKnown.size() ? kKnown[i].second : "other", counts_[i].load(std::memory_order_relaxed));
    }
    return result;
  }

 private:
  // The server's own, and those the library sends when it refuses a request by itself.
  static constexpr std::array<std::pair<unsigned, std::string_view>, 9> kKnown{{{200, "200"},
                                                                                {400, "400"},
                                                                                {401, "401"},
                                                                                {404, "404"},
                                                                                {405, "405"},
                                                                                {429, "429"},
                                                                                {431, "431"},
                                                                                {500, "500"},
                                                                                {503, "503"}}};

  static std::size_t position(unsigned status) {
    std::size_t i = 0;
    while (i < kKnown.size() && kKnown[i].first != status) {
      ++i;
    }
    return i;
  }

  std::array<std::atomic<std::uint64_t>, kKnown.size() + 1> counts_{};  // the last one: all other codes
};

}  // namespace tcpperf::adapters::http
