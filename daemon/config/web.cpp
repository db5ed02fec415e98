#include "config/web.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "config/text.h"
#include "config/units.h"
#include "config/web_sections.h"
#include "config/yaml_tree.h"
#include "core/base/suggestion.h"
#include "core/docs/markdown.h"

namespace tcpperf::config {
namespace {

using core::HttpServer;
using core::RateLimit;
using core::WebSecurity;
using namespace std::chrono_literals;

constexpr std::size_t kMostUsers = 256;
constexpr std::size_t kLongestName = 256;     // bytes
constexpr std::size_t kLongestHeader = 4096;  // bytes
constexpr std::size_t kHashLength = 60;       // "$2y$10$", 22 characters of salt, 31 of hash

// The headers that the toolkit lets one set, and what their values may be; empty: anything without control characters.
struct Header {
  std::string_view name;
  std::vector<std::string_view> values;
};

const std::vector<Header>& known_headers() {
  static const std::vector<Header> kHeaders = {{"Content-Security-Policy", {}},
                                               {"Strict-Transport-Security", {}},
                                               {"X-Content-Type-Options", {"nosniff"}},
                                               {"X-Frame-Options", {"deny", "sameorigin"}},
                                               {"X-XSS-Protection", {}}};
  return kHeaders;
}

core::Result<std::string> read_header(const Header& header, std::string_view text) {
  const bool control = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (text.size() > kLongestHeader || control) {
    return core::Error{"expected at most " + std::to_string(kLongestHeader) + " bytes without control characters"};
  }
  if (!header.values.empty() && std::find(header.values.begin(), header.values.end(), text) == header.values.end()) {
    std::string allowed;
    for (const std::string_view value : header.values) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(value);
    }
    return core::Error{"expected one of " + allowed + ", found " + quoted(text)};
  }
  return std::string(text);
}

using HeaderList = std::vector<std::pair<std::string, std::string>>;

Key<HttpServer> headers_key() {
  std::vector<Key<HttpServer>> keys;
  for (const Header& header : known_headers()) {
    std::string range;
    for (const std::string_view value : header.values) {
      range += (range.empty() ? "" : ", ") + std::string(value);
    }
    keys.push_back({.row = {std::string(header.name), "text", "not set", range, "This header of every response."},
                    .read = [header](ErrorLog& log, const Value& value, HttpServer& out) {
                      const bool nothing = value.node->kind == NodeKind::kNull;  // an empty text
                      const auto text = nothing ? std::string_view() : read_scalar(log, value, "text");
                      if (!text) {
                        return;
                      }
                      auto read = read_header(header, *text);
                      if (!read) {
                        add_error(log, value, read.error().message);
                      } else if (!read->empty()) {
                        out.headers.emplace_back(header.name, std::move(*read));
                      }
                    }});
  }
  return {.row = {"headers", "map", "", "", "Headers that are added to every response."},
          .children = rows_of(keys, "headers."),
          .read = [keys](ErrorLog& log, const Value& value, HttpServer& out) { read_map(log, value, keys, out); }};
}

Key<WebSecurity> http_server_key() {
  const std::vector<Key<HttpServer>> keys = {
      yaml_bool_key("http2", &HttpServer::http2, "Has no effect: HTTP/2 is not spoken here."), headers_key()};
  return map_key("http_server_config", &WebSecurity::http, keys, "What is said over HTTP.");
}

constexpr std::chrono::nanoseconds kLongestInterval = 24h;

// As Go's time.ParseDuration() reads it, without a sign: decimal numbers with their units, in any order; a number
// alone is nanoseconds unless it is in quotes. Nothing for anything else, and for what does not fit.
std::optional<std::chrono::nanoseconds> parse_go_duration(std::string_view text, bool is_quoted) {
  static constexpr std::array<std::pair<std::string_view, double>, 8> kUnits{{{"ns", 1.0},
                                                                              {"us", 1e3},
                                                                              {"\u00b5s", 1e3},
                                                                              {"\u03bcs", 1e3},
                                                                              {"ms", 1e6},
                                                                              {"s", 1e9},
                                                                              {"m", 60e9},
                                                                              {"h", 3600e9}}};
  constexpr std::string_view kOfNumbers = "0123456789.";
  constexpr std::size_t kLongest = 64;
  if (text == "0") {
    return std::chrono::nanoseconds(0);
  }
  const bool alone = !is_quoted && text.find_first_not_of("0123456789") == std::string_view::npos;
  double total = 0;
  std::string_view rest = text;
  do {
    const std::string_view digits = rest.substr(0, rest.find_first_not_of(kOfNumbers));
    rest.remove_prefix(digits.size());
    const std::string_view name = alone ? "ns" : rest.substr(0, rest.find_first_of(kOfNumbers));
    rest.remove_prefix(alone ? 0 : name.size());
    const auto* const unit =
        std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& each) { return each.first == name; });
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (unit == kUnits.end() || error != std::errc() || end != digits.data() + digits.size() ||
        text.size() > kLongest) {
      return std::nullopt;
    }
    total += number * unit->second;
  } while (!rest.empty());
  if (total > 2.0 * static_cast<double>(kLongestInterval.count())) {
    return std::nullopt;
  }
  return std::chrono::nanoseconds(std::llround(total));
}

Key<RateLimit> interval_key() {
  return {.row = {"interval", "duration", "0s", "0s to 24h",
                  "One request is served every so often, of all clients together; others get status 429. Zero: no "
                  "limit."},
          .read = [](ErrorLog& log, const Value& value, RateLimit& out) {
            if (value.node->kind == NodeKind::kNull) {
              return;
            }
            const auto text = read_scalar(log, value, "a duration such as 1s");
            if (!text) {
              return;
            }
            const auto interval = parse_go_duration(*text, value.node->quoted);
            if (!interval || *interval > kLongestInterval) {
              add_error(log, value,
                        "expected a duration from 0s to 24h, such as 500ms, 1.5s or 1m30s, found " + quoted(*text));
            } else {
              out.interval = *interval;
            }
          }};
}

Key<WebSecurity> rate_limit_key() {
  const std::vector<Key<RateLimit>> keys = {
      interval_key(),
      count_key("burst", &RateLimit::burst, {0, 1'000'000}, "So many requests may come at once."),
  };
  const std::string name = "rate_limit";
  return {.row = {name, "map", "", "", "How many requests are served."},
          .children = rows_of(keys, name + "."),
          .read = [keys](ErrorLog& log, const Value& value, WebSecurity& out) {
            read_map(log, value, keys, out.rate_limit);
            if (out.rate_limit.interval.count() > 0 && out.rate_limit.burst == 0) {
              add_error(log, value, "with an interval and a burst of 0 no request would ever be served");
            }
          }};
}

void read_user(ErrorLog& log, const Value& users, const YamlNode& name, const YamlNode& hash, WebSecurity& out) {
  const Value at_name{&name, users.path};
  if (name.kind != NodeKind::kScalar || name.text.size() > kLongestName) {
    add_mismatch(log, at_name, "a user's name of at most " + std::to_string(kLongestName) + " bytes");
    return;
  }
  const Value at_hash = users.child(on_one_line(name.text), hash);
  if (hash.kind != NodeKind::kScalar) {
    add_mismatch(log, at_hash, "a bcrypt hash");
    return;
  }
  if (const auto checked = check_bcrypt_hash(hash.text); !checked) {
    add_error(log, at_hash, checked.error().message);
  }
  if (!out.users.emplace(name.text, hash.text).second) {
    add_error(log, at_name, "duplicate user " + quoted(name.text));
  }
}

Key<WebSecurity> users_key() {
  return {
      .row = {"basic_auth_users", "map", "empty: nobody is asked", "at most " + std::to_string(kMostUsers) + " users",
              "The bcrypt hash of each user's password, by name. Every request must bring one of them."},
      .read = [](ErrorLog& log, const Value& value, WebSecurity& out) {
        if (value.node->kind == NodeKind::kNull) {
          return;
        }
        if (value.node->kind != NodeKind::kMap) {
          add_mismatch(log, value, "a map of users");
          return;
        }
        if (value.node->entries.size() > kMostUsers) {
          add_error(log, value, "expected at most " + std::to_string(kMostUsers) + " users");
          return;
        }
        for (const auto& [name, hash] : value.node->entries) {
          read_user(log, value, *name, *hash, out);
        }
      }};
}

std::vector<Key<WebSecurity>> web_keys(const WebContext& context) {
  return {tls_server_key(context), http_server_key(), users_key(), rate_limit_key()};
}

}  // namespace

core::Result<void> check_bcrypt_hash(std::string_view text) {
  constexpr int kLowestCost = 4;
  constexpr int kHighestCost = 16;  // a few seconds
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_base64 = [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '/';
  };
  // The hash itself is not repeated: it is nearly a password.
  if (text.size() != kHashLength || !text.starts_with("$2") ||
      std::string_view("aby").find(text[2]) == std::string::npos || text[3] != '$' || !is_digit(text[4]) ||
      !is_digit(text[5]) || text[6] != '$' || !std::all_of(text.begin() + 7, text.end(), is_base64)) {
    return core::Error{
        "expected a bcrypt hash of 60 characters that begins with $2y$, $2b$ or $2a$, as "
        "`htpasswd -nBC 10 USER` prints it"};
  }
  const int cost = (text[4] - '0') * 10 + (text[5] - '0');
  if (cost < kLowestCost || cost > kHighestCost) {
    return core::Error{"expected a bcrypt cost from " + std::to_string(kLowestCost) + " to " +
                       std::to_string(kHighestCost) + ", found " + std::to_string(cost) +
                       "; each step up doubles the time of a check"};
  }
  return {};
}

std::vector<KeyRow> web_key_rows() {
  return rows_of(web_keys({[](const std::string&) { return core::Result<std::string>(std::string()); }}), "");
}

std::string web_config_reference() {
  core::MarkdownTable table({"Key", "Type", "Default", "Range", "Meaning"});
  for (const KeyRow& row : web_key_rows()) {
    table.add({core::markdown_code(row.path), row.type, row.fallback, row.range, row.meaning});
  }
  return table.text();
}

WebParseOutcome parse_web_config(std::string_view text, const WebContext& context) {
  ErrorLog log;
  WebSecurity security;
  if (const auto tree = load_yaml(text, log)) {
    read_map(log, {tree->root, ""}, web_keys(context), security);
  }
  if (log.empty()) {
    return {std::move(security), {}};
  }
  return {std::nullopt, std::move(log).sorted()};
}

}  // namespace tcpperf::config
