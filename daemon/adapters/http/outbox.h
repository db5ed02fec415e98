// Responses in the library's form, and how much of them nobody has read yet. Internal to this adapter.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include <microhttpd.h>

#include "adapters/http/message.h"
#include "core/web/security.h"

namespace tcpperf::adapters::http {

// The library counts who uses a response, so one may be queued for several connections.
using ResponsePointer = std::shared_ptr<MHD_Response>;

// Thread-safe. Outlives the library's daemon, which frees bodies up to its end.
class Outbox {
 public:
  // With the headers that the configuration asks for, unless the response has them itself. Null when there is no
  // memory, or a header cannot be sent: without one that was asked for, rather no answer.
  ResponsePointer wrap(const Response& response, const core::HttpServer& settings);

  // Of all bodies that the library has not sent or given up.
  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_bytes_; }

 private:
  std::atomic<std::size_t> unsent_bytes_{0};
};

}  // namespace tcpperf::adapters::http
