#include "adapters/http/outbox.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/net/accept_list.h"

namespace tcpperf::adapters::http {
namespace {

// Keeps a body alive and counted until the library has sent it or given it up.
class UnsentBody {
 public:
  UnsentBody(std::shared_ptr<const std::string> body, std::atomic<std::size_t>& total)
      : body_(std::move(body)), total_(total) {
    total_ += size();
  }
  UnsentBody(const UnsentBody&) = delete;
  UnsentBody& operator=(const UnsentBody&) = delete;
  ~UnsentBody() { total_ -= size(); }

  [[nodiscard]] std::size_t size() const { return body_ == nullptr ? 0 : body_->size(); }
  // The library takes its buffers without const and does not write to them.
  [[nodiscard]] char* data() const { return body_ == nullptr ? nullptr : const_cast<char*>(body_->data()); }

 private:
  std::shared_ptr<const std::string> body_;
  std::atomic<std::size_t>& total_;
};

void free_body(void* body) {
  delete static_cast<UnsentBody*>(body);
}

}  // namespace

ResponsePointer Outbox::wrap(const Response& response, const core::HttpServer& settings) {
  auto body = std::make_unique<UnsentBody>(response.body, unsent_bytes_);
  ResponsePointer raw(
      MHD_create_response_from_buffer_with_free_callback_cls(body->size(), body->data(), free_body, body.get()),
      [](MHD_Response* made) {
        if (made != nullptr) {
          MHD_destroy_response(made);
        }
      });
  if (raw == nullptr) {
    return nullptr;
  }
  static_cast<void>(body.release());  // free_body() has it
  const auto add = [&raw](const char* name, const std::string& value) {
    return MHD_add_response_header(raw.get(), name, value.c_str()) == MHD_YES;
  };
  bool complete = add(MHD_HTTP_HEADER_CONTENT_TYPE, response.content_type);
  for (const auto& [name, value] : response.headers) {
    complete = complete && add(name.c_str(), value);
  }
  for (const auto& [name, value] : settings.headers) {
    const bool ours = std::any_of(response.headers.begin(), response.headers.end(), [&name = name](const auto& header) {
      return core::equal_ignoring_case(header.first, name);
    });
    complete = complete && (ours || add(name.c_str(), value));
  }
  return complete ? raw : nullptr;
}

}  // namespace tcpperf::adapters::http
