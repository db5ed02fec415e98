// Any bytes as a web configuration, and as what it names and what a client sends to it: no crash, and either a
// configuration or errors, each one line of text with a place in the file. What is accepted can be put in GnuTLS'
// words, or the reason is told.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "adapters/http/credentials.h"
#include "adapters/http/tls_priority.h"
#include "config/text.h"
#include "config/web.h"

namespace {

namespace http = tcpperf::adapters::http;
using tcpperf::core::Error;
using tcpperf::core::Result;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

bool is_one_line(const std::string& text) {
  return !text.empty() && text.find_first_of("\t\r\n") == std::string::npos &&
         !tcpperf::config::find_bad_character(text);
}

void fuzz_credentials(std::string_view text) {
  for (const std::string_view scheme : {"", "Basic "}) {
    const auto credentials = http::parse_basic_credentials(std::string(scheme) + std::string(text));
    require(!credentials || credentials->user.find(':') == std::string::npos);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  fuzz_credentials(text);
  const auto read_file = [&](const std::string& path) -> Result<std::string> {
    return path == "none" ? Result<std::string>(Error{"not there"}) : Result<std::string>(std::string(text));
  };
  const auto check_tls = [](const tcpperf::core::TlsServer& tls) -> Result<void> {
    for (const auto key : {http::KeyKind::kRsa, http::KeyKind::kEcdsa, http::KeyKind::kEdwards}) {
      const auto priority = http::tls_priority(tls, key);
      require(priority ? priority->starts_with("NORMAL:") : is_one_line(priority.error().message));
    }
    return {};
  };
  const auto outcome = tcpperf::config::parse_web_config(text, {read_file, check_tls});
  require(outcome.security.has_value() == outcome.errors.empty());
  // A syntax error may lie behind the last line end.
  const auto lines = std::count(text.begin(), text.end(), '\n') + 2;
  for (const auto& error : outcome.errors) {
    require(is_one_line(error.message));
    require(error.line >= 0 && error.line <= lines && error.column >= 0);
  }
  return 0;
}
