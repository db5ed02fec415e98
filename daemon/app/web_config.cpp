#include "app/web_config.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include "app/clock.h"
#include "config/parser.h"
#include "config/web.h"

namespace tcpperf::app {
namespace {

constexpr std::chrono::seconds kLookEvery{1};

std::string beside(const std::string& file, const std::string& path) {
  const std::size_t slash = file.rfind('/');
  return path.starts_with('/') || slash == std::string::npos ? path : file.substr(0, slash + 1) + path;
}

// Who needs what certificate. Asking for one that nobody looks at is as good as not asking.
int strength(core::ClientCertificate wanted) {
  switch (wanted) {
    case core::ClientCertificate::kNone:
    case core::ClientCertificate::kRequest: return 0;
    case core::ClientCertificate::kVerifyIfGiven: return 1;
    case core::ClientCertificate::kRequireAny: return 2;
    case core::ClientCertificate::kRequireAndVerify: return 3;
  }
  return 0;
}

// What a file may not change while the daemon runs. Empty: nothing of it. What keeps others out goes by a restart only,
// because a file that was cut short does without it too.
std::string refusal(const adapters::http::Security& before, const adapters::http::Security& after) {
  if ((before.tls == nullptr) != (after.tls == nullptr)) {
    return "switching TLS on or off takes a restart";
  }
  if (!before.settings.users.empty() && after.settings.users.empty()) {
    return "no basic_auth_users any more: doing without passwords takes a restart";
  }
  if (!before.settings.tls || !after.settings.tls) {
    return "";
  }
  const core::TlsServer& was = *before.settings.tls;
  const core::TlsServer& is = *after.settings.tls;
  if (strength(is.client_certificate) < strength(was.client_certificate)) {
    return "a weaker client_auth_type than before takes a restart";
  }
  if (!was.client_allowed_sans.empty() && is.client_allowed_sans.empty()) {
    return "no client_allowed_sans any more: admitting any name takes a restart";
  }
  if (!was.client_ca_pem.empty() && is.client_ca_pem.empty()) {
    return "no client CAs any more: trusting those of the system takes a restart";
  }
  return "";
}

}  // namespace

WebConfig::Fingerprint WebConfig::fingerprint(const std::string& path) {
  constexpr std::int64_t kNanoseconds = 1'000'000'000;
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return {path};
  }
  return {path, status.st_dev, status.st_ino, status.st_size,
          status.st_ctim.tv_sec * kNanoseconds + status.st_ctim.tv_nsec};
}

// The fingerprint is taken before the content: a change in between is then seen as one.
WebConfig::Loaded WebConfig::read() const {
  Loaded loaded{core::Error{}, {fingerprint(file_)}};
  const core::Result<std::string> text = config::read_config_file(file_);
  if (!text) {
    loaded.security = text.error();
    return loaded;
  }
  const auto read_file = [&](const std::string& path) {
    const std::string full = beside(file_, path);
    loaded.files.push_back(fingerprint(full));
    return config::read_config_file(full);
  };
  const auto check_tls = [](const core::TlsServer& tls) -> core::Result<void> {
    const auto made = adapters::http::make_security({.tls = tls, .http = {}, .rate_limit = {}, .users = {}});
    return made ? core::Result<void>() : core::Result<void>(made.error());
  };
  config::WebParseOutcome outcome = config::parse_web_config(*text, {read_file, check_tls});
  if (outcome.security) {
    loaded.security = adapters::http::make_security(std::move(*outcome.security));
    return loaded;
  }
  std::string lines;
  for (const config::ConfigError& error : outcome.errors) {
    lines += (lines.empty() ? "" : "\n") + config::format_error(file_, error);
  }
  loaded.security = core::Error{lines};
  return loaded;
}

core::Result<std::unique_ptr<WebConfig>> WebConfig::load(const std::string& file) {
  std::unique_ptr<WebConfig> web(new WebConfig(file));
  if (file.empty()) {
    web->current_ = std::make_shared<const adapters::http::Security>();
    return web;
  }
  Loaded loaded = web->read();
  if (!loaded.security) {
    return loaded.security.error();
  }
  web->current_ = std::move(*loaded.security);
  web->files_ = std::move(loaded.files);
  web->looked_at_ = monotonic_now();
  web->reload_success_unix_seconds_ = std::chrono::duration<double>(wall_now().time_since_epoch()).count();
  return web;
}

bool WebConfig::files_changed() const {
  return std::any_of(files_.begin(), files_.end(),
                     [](const Fingerprint& known) { return fingerprint(known.path) != known; });
}

core::Result<void> WebConfig::reload_locked() {
  Loaded loaded = read();
  files_ = std::move(loaded.files);
  core::Result<void> result;
  if (!loaded.security) {
    result = loaded.security.error();
  } else if (const std::string refused = refusal(*current_, **loaded.security); !refused.empty()) {
    result = core::Error{file_ + ": " + refused};
  }
  reload_successful_ = result.has_value();
  if (!result) {
    spdlog::error("web configuration not reloaded, running on with the one before:\n{}", result.error().message);
    return result;
  }
  current_ = std::move(*loaded.security);
  reload_success_unix_seconds_ = std::chrono::duration<double>(wall_now().time_since_epoch()).count();
  spdlog::info("web configuration reloaded");
  return result;
}

WebConfig::SecurityPointer WebConfig::current() {
  const std::lock_guard lock(mutex_);
  if (has_file()) {
    const std::chrono::nanoseconds now = monotonic_now();
    if (now - looked_at_ >= kLookEvery) {
      looked_at_ = now;
      if (files_changed()) {
        static_cast<void>(reload_locked());  // logged, and what was in force stays so
      }
    }
  }
  return current_;
}

core::Result<void> WebConfig::reload() {
  const std::lock_guard lock(mutex_);
  return has_file() ? reload_locked() : core::Result<void>();
}

}  // namespace tcpperf::app
