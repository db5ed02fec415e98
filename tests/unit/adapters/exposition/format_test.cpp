#include "adapters/exposition/format.h"

#include <string>

#include "catch.h"

using namespace tcpperf::adapters::exposition;

TEST_CASE("Prometheus gets OpenMetrics, by the Accept headers of its releases", "[exposition]") {
  // 2.42
  CHECK(negotiate("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1") == Format::kOpenMetrics);
  // 3.x
  CHECK(negotiate("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                  "application/openmetrics-text;version=0.0.1;q=0.4,"
                  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1") ==
        Format::kOpenMetrics);
  // 3.x, native histograms wanted
  CHECK(negotiate("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
                  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                  "application/openmetrics-text;version=0.0.1;q=0.4,"
                  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1") ==
        Format::kProtobuf);
  // 3.x, configured to prefer the text format
  CHECK(negotiate("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1") ==
        Format::kText);
}

TEST_CASE("Prometheus gets protobuf, by the Accept headers with which it asks for native histograms", "[exposition]") {
  // 2.42
  CHECK(negotiate("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
                  "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
                  "text/plain;version=0.0.4;q=0.5,*/*;q=0.1") == Format::kProtobuf);
  // 2.53
  CHECK(negotiate("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.5,"
                  "application/openmetrics-text;version=1.0.0;q=0.4,application/openmetrics-text;version=0.0.1;q=0.3,"
                  "text/plain;version=0.0.4;q=0.2,*/*;q=0.1") == Format::kProtobuf);
  // Telegraf
  CHECK(negotiate("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
                  "text/plain;version=0.0.4;q=0.3") == Format::kProtobuf);
}

TEST_CASE("protobuf is for who names it in full", "[exposition]") {
  const std::string full = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily";
  CHECK(negotiate(full + ";encoding=delimited") == Format::kProtobuf);
  CHECK(negotiate(full + "; encoding=\"delimited\"") == Format::kProtobuf);
  CHECK(negotiate("APPLICATION/vnd.google.ProtoBuf; Encoding=delimited; proto=io.prometheus.client.MetricFamily") ==
        Format::kProtobuf);
  CHECK(negotiate(full) == Format::kText);
  CHECK(negotiate(full + ";encoding=text") == Format::kText);
  CHECK(negotiate(full + ";encoding=compact-text,application/openmetrics-text;q=0.1") == Format::kOpenMetrics);
  CHECK(negotiate("application/vnd.google.protobuf;encoding=delimited") == Format::kText);
  CHECK(negotiate("application/vnd.google.protobuf;proto=io.prometheus.client.Metric;encoding=delimited") ==
        Format::kText);
  CHECK(negotiate("application/*") == Format::kOpenMetrics);
  CHECK(negotiate("text/plain;q=0,application/openmetrics-text;q=0,*/*") == Format::kText);
}

TEST_CASE("weights decide about protobuf, too", "[exposition]") {
  const std::string full = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  CHECK(negotiate(full + ";q=0.2,text/plain;q=0.3") == Format::kText);
  CHECK(negotiate(full + ";q=0.3,text/plain;q=0.2") == Format::kProtobuf);
  CHECK(negotiate(full + ";q=0,*/*;q=0.1") == Format::kText);
  CHECK(negotiate(full + ";q=0.1,*/*") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;q=0.8," + full + ";q=0.9") == Format::kProtobuf);
}

TEST_CASE("people with curl or a browser get text", "[exposition]") {
  CHECK(negotiate("") == Format::kText);
  CHECK(negotiate("*/*") == Format::kText);
  CHECK(negotiate("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8") ==
        Format::kText);
  CHECK(negotiate("text/*") == Format::kText);
}

TEST_CASE("weights decide, and a weight of zero excludes", "[exposition]") {
  CHECK(negotiate("application/openmetrics-text;q=0.1,text/plain;q=0.2") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;q=0.2,text/plain;q=0.1") == Format::kOpenMetrics);
  CHECK(negotiate("application/openmetrics-text;q=0,*/*") == Format::kText);
  CHECK(negotiate("text/plain;q=0,application/openmetrics-text;q=0.001") == Format::kOpenMetrics);
  CHECK(negotiate("text/plain;q=0,*/*;q=0.1") == Format::kOpenMetrics);
  CHECK(negotiate("text/plain;q=0,application/openmetrics-text;q=0") == Format::kText);
}

TEST_CASE("the more specific name wins among equal weights", "[exposition]") {
  CHECK(negotiate("*/*,application/openmetrics-text") == Format::kOpenMetrics);
  CHECK(negotiate("application/*,*/*") == Format::kOpenMetrics);
  CHECK(negotiate("application/openmetrics-text,text/plain") == Format::kText);
}

TEST_CASE("a version that is not served does not count", "[exposition]") {
  CHECK(negotiate("application/openmetrics-text;version=2.0.0,text/plain;q=0.1") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;version=0.0.1") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;version=\"1.0.0\"") == Format::kOpenMetrics);
  CHECK(negotiate("APPLICATION/OpenMetrics-Text") == Format::kOpenMetrics);
}

TEST_CASE("unknown types and nonsense get text", "[exposition]") {
  CHECK(negotiate("application/json") == Format::kText);
  CHECK(negotiate(";;;,,,q=1;\"") == Format::kText);
  CHECK(negotiate("application/openmetrics-text;q=2") == Format::kText);
}

TEST_CASE("content types are exactly those of the formats", "[exposition]") {
  CHECK(content_type(Format::kText) == "text/plain; version=0.0.4; charset=utf-8");
  CHECK(content_type(Format::kOpenMetrics) == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(content_type(Format::kProtobuf) ==
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited");
}
