// Where alerts go.
#include <string>

#include "support.h"

using namespace std::chrono_literals;
using namespace tcpperf;
using tcpperf::test::Errors;
using tcpperf::test::errors_of;
using tcpperf::test::valid;

TEST_CASE("a file sink needs the absolute path of a file", "[config]") {
  CHECK(errors_of("sinks:\n  file: {}\n") == Errors{"2:9: sinks.file: missing key 'path'"});
  CHECK(valid("sinks: {file: {path: /a}}").sinks.file->path == "/a");
  for (const std::string path : {"alerts.jsonl", "/", "/var/log/", "./a"}) {
    INFO(path);
    CHECK(errors_of("sinks: {file: {path: " + path + "}}") ==
          Errors{"1:22: sinks.file.path: expected the absolute path of a file, found '" + path + "'"});
  }
  CHECK(errors_of("sinks: {file: {path: \"/a\\nb\"}}").size() == 1);
  CHECK(valid("sinks: {file: {path: /" + std::string(4094, 'a') + "}}").sinks.file);
  CHECK(errors_of("sinks: {file: {path: /" + std::string(4095, 'a') + "}}").size() == 1);
}

TEST_CASE("a webhook needs a URL and has defaults for the rest", "[config]") {
  CHECK(errors_of("sinks:\n  webhook: {timeout: 1s}\n") == Errors{"2:12: sinks.webhook: missing key 'url'"});
  CHECK(valid("sinks: {webhook: {url: 'http://h'}}").sinks.webhook == config::WebhookSink{"http://h", 5s, 5, 256});
}

TEST_CASE("http and https URLs are accepted", "[config]") {
  for (const std::string url :
       {"http://h", "https://host.example:8443/a/b?c=d", "http://127.0.0.1:65535", "http://[::1]",
        "http://[2001:db8::1]:80/x", "https://user:p%40ss@host/", "http://h?x:y", "http://h/@:"}) {
    INFO(url);
    CHECK(valid("sinks: {webhook: {url: '" + url + "'}}").sinks.webhook->url == url);
  }
}

TEST_CASE("what is not an http or https URL is an error", "[config]") {
  for (const std::string url :
       {"",           "host",           "ftp://h",      "http:/h",    "http://",    "http:///x",   "http://:80",
        "http://h:0", "http://h:65536", "http://h:",    "http://h:x", "http://a b", "http://[::1", "http://[]",
        "http://[x]", "http://[::1]80", "http://user@", "http://ä",   "HTTP://h",   "http://h]"}) {
    INFO(url);
    CHECK(errors_of("sinks: {webhook: {url: '" + url + "'}}") ==
          Errors{"1:24: sinks.webhook.url: expected a URL such as https://host:8080/path, found '" + url + "'"});
  }
}

TEST_CASE("a URL has at most 2048 bytes", "[config]") {
  const std::string longest = "http://h/" + std::string(2039, 'a');
  CHECK(valid("sinks: {webhook: {url: '" + longest + "'}}").sinks.webhook->url == longest);
  CHECK(errors_of("sinks: {webhook: {url: '" + longest + "a'}}") ==
        Errors{"1:24: sinks.webhook.url: expected a URL of at most 2048 bytes, found 2049"});
}

TEST_CASE("the limits of a webhook have ranges", "[config]") {
  CHECK(errors_of("sinks:\n  webhook:\n    url: http://h\n    timeout: 99ms\n    attempts: 11\n    queue: 0\n") ==
        Errors{"4:14: sinks.webhook.timeout: expected a duration from 100ms to 1m, found '99ms'",
               "5:15: sinks.webhook.attempts: expected a whole number from 1 to 10, found '11'",
               "6:12: sinks.webhook.queue: expected a whole number from 1 to 65536, found '0'"});
}
