// The protobuf page: exact bytes where they are few, else read back field by field. That Google's decoder reads it and
// finds the numbers of the text page is for check_protobuf.py to say.
#include "adapters/exposition/protobuf_encoder.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include "catch.h"
#include "core/histogram/histogram.h"
#include "support/classic_buckets.h"

using namespace tcpperf;
using adapters::exposition::encode_protobuf;

namespace {

const core::MetricSpec resets{
    .name = "r_total", .help = "H.", .kind = core::MetricKind::kCounter, .labels = {"direction"}};
const core::MetricSpec stalled{.name = "stalled_seconds_total",
                               .help = "",
                               .kind = core::MetricKind::kCounter,
                               .unit = core::Unit::kSeconds,
                               .labels = {}};
const core::MetricSpec sockets{.name = "g", .help = "", .kind = core::MetricKind::kGauge, .labels = {}};
const core::MetricSpec rtt{.name = "h_seconds",
                           .help = "",
                           .kind = core::MetricKind::kHistogram,
                           .unit = core::Unit::kSeconds,
                           .labels = {},
                           .borders = {-1, 0}};

core::LabelValues values(std::vector<std::string> texts) {
  return std::make_shared<const std::vector<std::string>>(std::move(texts));
}

core::Snapshot snapshot_of(const core::MetricSpec& spec, std::vector<core::Series> series,
                           std::vector<std::string_view> group_labels = {}) {
  core::Snapshot snapshot;
  snapshot.families.push_back({&spec, std::move(series), std::move(group_labels)});
  return snapshot;
}

core::HistogramExposition carrying(core::ProtobufHistograms kinds, int buckets_per_octave = 1) {
  return {buckets_per_octave, kinds};
}

const core::HistogramExposition kNative = carrying(core::ProtobufHistograms::kNative);

// The bytes that are written as "0a 1f ..."; text in quotes stands for itself.
std::string bytes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\'') {
      const std::size_t end = text.find('\'', i + 1);
      out += text.substr(i + 1, end - i - 1);
      i = end;
    } else if (text[i] != ' ') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
      ++i;
    }
  }
  return out;
}

struct ReadHistogram {
  std::uint64_t count = 0;
  double sum = 0;
  std::vector<std::pair<double, std::uint64_t>> classic;
  std::optional<std::int32_t> schema;
  std::optional<double> zero_threshold;
  std::uint64_t zero_count = 0;
  std::vector<std::pair<std::int32_t, std::uint32_t>> spans;
  std::vector<std::int64_t> deltas;

  // Observations by native index, from spans and deltas.
  [[nodiscard]] std::map<std::int32_t, std::uint64_t> buckets() const {
    std::map<std::int32_t, std::uint64_t> found;
    std::int32_t index = 0;
    std::uint64_t observed = 0;
    auto delta = deltas.begin();
    for (auto [offset, length] : spans) {
      index += offset;
      for (; length > 0; --length, ++index) {
        REQUIRE(delta != deltas.end());
        observed += static_cast<std::uint64_t>(*delta++);
        found[index] = observed;
      }
    }
    CHECK(delta == deltas.end());
    return found;
  }
};

ReadHistogram read_histogram(protozero::pbf_reader message) {
  ReadHistogram out;
  while (message.next()) {
    switch (message.tag()) {
      case 1: out.count = message.get_uint64(); break;
      case 2: out.sum = message.get_double(); break;
      case 3: {
        protozero::pbf_reader bucket = message.get_message();
        REQUIRE(bucket.next(1));
        const std::uint64_t count = bucket.get_uint64();
        REQUIRE(bucket.next(2));
        out.classic.emplace_back(bucket.get_double(), count);
        break;
      }
      case 5: out.schema = message.get_sint32(); break;
      case 6: out.zero_threshold = message.get_double(); break;
      case 7: out.zero_count = message.get_uint64(); break;
      case 12: {
        protozero::pbf_reader span = message.get_message();
        REQUIRE(span.next(1));
        const std::int32_t offset = span.get_sint32();
        REQUIRE(span.next(2));
        out.spans.emplace_back(offset, span.get_uint32());
        break;
      }
      case 13: {
        for (const std::int64_t delta : message.get_packed_sint64()) {
          out.deltas.push_back(delta);
        }
        break;
      }
      default: FAIL("field " << message.tag()); break;
    }
  }
  return out;
}

struct ReadMetric {
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<ReadHistogram> histogram;
};

struct ReadFamily {
  std::string name;
  std::string help;
  std::string unit;
  std::vector<ReadMetric> metrics;
};

ReadMetric read_metric(protozero::pbf_reader message) {
  ReadMetric out;
  while (message.next()) {
    switch (message.tag()) {
      case 1: {
        protozero::pbf_reader pair = message.get_message();
        REQUIRE(pair.next(1));
        std::string name = pair.get_string();
        REQUIRE(pair.next(2));
        out.labels.emplace_back(std::move(name), pair.get_string());
        break;
      }
      case 7: out.histogram = read_histogram(message.get_message()); break;
      default: message.skip(); break;
    }
  }
  return out;
}

std::vector<ReadFamily> read_page(const std::string& page) {
  std::vector<ReadFamily> families;
  const char* at = page.data();
  const char* const end = page.data() + page.size();
  while (at != end) {
    const auto length = static_cast<std::size_t>(protozero::decode_varint(&at, end));
    REQUIRE(length <= static_cast<std::size_t>(end - at));
    protozero::pbf_reader message(at, length);
    at += length;
    ReadFamily& family = families.emplace_back();
    while (message.next()) {
      switch (message.tag()) {
        case 1: family.name = message.get_string(); break;
        case 2: family.help = message.get_string(); break;
        case 4: family.metrics.push_back(read_metric(message.get_message())); break;
        case 5: family.unit = message.get_string(); break;
        default: message.skip(); break;
      }
    }
  }
  return families;
}

ReadHistogram encoded(const core::Histogram& histogram, const core::HistogramExposition& how = kNative) {
  const auto families = read_page(encode_protobuf(snapshot_of(rtt, {{values({}), histogram}}), how));
  REQUIRE(families.size() == 1);
  REQUIRE(families[0].metrics.size() == 1);
  REQUIRE(families[0].metrics[0].histogram);
  return *families[0].metrics[0].histogram;
}

core::Histogram histogram_of(std::int32_t first_index, std::vector<std::uint64_t> buckets) {
  core::Histogram h;
  h.first_index = first_index;
  h.buckets = std::move(buckets);
  return h;
}

}  // namespace

TEST_CASE("a counter and a gauge are these bytes", "[protobuf]") {
  CHECK(encode_protobuf(snapshot_of(resets, {{values({"in"}), 1.0}, {values({"out"}), 0.5}}), {}) ==
        bytes("4c 0a 07 'r_total' 12 02 'H.' 18 00"
              "22 1c 0a 0f 0a 09 'direction' 12 02 'in' 1a 09 09 00 00 00 00 00 00 f0 3f"
              "22 1d 0a 10 0a 09 'direction' 12 03 'out' 1a 09 09 00 00 00 00 00 00 e0 3f"));
  CHECK(encode_protobuf(snapshot_of(sockets, {{values({}), 0.0}}), {}) ==
        bytes("12 0a 01 'g' 18 01 22 0b 12 09 09 00 00 00 00 00 00 00 00"));
}

TEST_CASE("one observation of a native histogram is these bytes", "[protobuf]") {
  core::Histogram h = histogram_of(-12, {1});
  h.sum = 0.375;
  CHECK(encode_protobuf(snapshot_of(rtt, {{values({}), h}}), kNative) == bytes("3b 0a 09 'h_seconds' 18 04 22 23 3a 21"
                                                                               "08 01 11 00 00 00 00 00 00 d8 3f"
                                                                               "28 06 31 00 00 00 00 00 00 f0 37 38 00"
                                                                               "62 04 08 17 10 01 6a 01 02"
                                                                               "2a 07 'seconds'"));
}

TEST_CASE("a histogram without observations is native all the same", "[protobuf]") {
  const ReadHistogram empty = encoded({});
  CHECK(empty.count == 0);
  CHECK(empty.schema == 3);
  CHECK(empty.zero_threshold == std::ldexp(1.0, -128));
  CHECK(empty.spans == std::vector<std::pair<std::int32_t, std::uint32_t>>{{0, 0}});
  CHECK(empty.deltas.empty());
}

TEST_CASE("observations of 0 are in the zero bucket and in the count", "[protobuf]") {
  core::Histogram h;
  h.zero_count = 300;
  const ReadHistogram read = encoded(h);
  CHECK(read.count == 300);
  CHECK(read.zero_count == 300);
  CHECK(read.buckets().empty());
}

TEST_CASE("short gaps between buckets are filled, longer ones begin a span", "[protobuf]") {
  const ReadHistogram read = encoded(histogram_of(-5, {7, 0, 0, 9, 0, 0, 0, 1, 2}));
  CHECK(read.count == 19);
  CHECK(read.spans == std::vector<std::pair<std::int32_t, std::uint32_t>>{{-5, 4}, {3, 2}});
  CHECK(read.deltas == std::vector<std::int64_t>{7, -7, 0, 9, -8, 1});
  CHECK(read.buckets() == std::map<std::int32_t, std::uint64_t>{{-5, 7}, {-4, 0}, {-3, 0}, {-2, 9}, {2, 1}, {3, 2}});
}

TEST_CASE("all buckets of the kernel's histogram are one span", "[protobuf]") {
  const ReadHistogram read = encoded(histogram_of(-240, std::vector<std::uint64_t>(481, 5)));
  CHECK(read.count == 2405);
  CHECK(read.spans == std::vector<std::pair<std::int32_t, std::uint32_t>>{{-240, 481}});
  CHECK(read.buckets().at(-240) == 5);
  CHECK(read.buckets().at(240) == 5);
}

TEST_CASE("the largest counts and sums come through", "[protobuf]") {
  constexpr std::uint64_t kMost = (std::uint64_t{1} << 63U) - 1;
  core::Histogram h = histogram_of(240, {kMost, 1, kMost});
  h.sum = 1.7976931348623157e308;
  const ReadHistogram read = encoded(h);
  CHECK(read.count == 2 * kMost + 1);
  CHECK(read.sum == h.sum);
  CHECK(read.buckets() == std::map<std::int32_t, std::uint64_t>{{240, kMost}, {241, 1}, {242, kMost}});
}

TEST_CASE("a message has the kinds of histograms that are asked for", "[protobuf]") {
  core::Histogram h = histogram_of(-12, {2, 0, 0, 0, 5});
  h.zero_count = 1;
  const ReadHistogram both = encoded(h, {});
  CHECK(both.classic == std::vector<std::pair<double, std::uint64_t>>{{0.5, 8}, {1.0, 8}});
  CHECK(both.schema == 3);
  CHECK(both.buckets().size() == 2);

  const ReadHistogram native = encoded(h, kNative);
  CHECK(native.classic.empty());
  CHECK(native.buckets() == both.buckets());
  CHECK(native.count == 8);

  const ReadHistogram classic = encoded(h, carrying(core::ProtobufHistograms::kClassic));
  CHECK(classic.classic == both.classic);
  CHECK(classic.count == 8);
  CHECK_FALSE(classic.schema);
  CHECK_FALSE(classic.zero_threshold);
  CHECK(classic.spans.empty());
}

TEST_CASE("the resolution is that of classic histograms alone", "[protobuf]") {
  const core::Histogram h = histogram_of(-12, {2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 3});
  for (const int per_octave : {1, 2, 4, 8}) {
    const ReadHistogram read = encoded(h, carrying(core::ProtobufHistograms::kBoth, per_octave));
    std::vector<std::pair<double, std::uint64_t>> expected;
    for (const test::ClassicBucket& bucket : test::classic_buckets(h, rtt.borders, per_octave)) {
      expected.emplace_back(bucket.upper_bound, bucket.cumulative_count);
    }
    CHECK(read.classic == expected);
    CHECK(read.classic.size() == static_cast<std::size_t>(per_octave) + 1);
    CHECK(read.schema == 3);
    CHECK(read.buckets() == encoded(h).buckets());
  }
}

TEST_CASE("label values are raw UTF-8, and what is not becomes the replacement character", "[protobuf]") {
  const std::string awkward = "back\\slash \"quote\"\nline caf\xC3\xA9 \xF0\x9F\x90\x9D";
  const auto families = read_page(
      encode_protobuf(snapshot_of(resets, {{values({awkward, "\xFF\xFE", ""}), 1.0}, {values({"", "a", "b"}), 1.0}},
                                  {"process", "role"}),
                      {}));
  REQUIRE(families.size() == 1);
  REQUIRE(families[0].metrics.size() == 2);
  CHECK(families[0].metrics[0].labels ==
        std::vector<std::pair<std::string, std::string>>{
            {"direction", awkward}, {"process", "\xEF\xBF\xBD\xEF\xBF\xBD"}, {"role", ""}});
  CHECK(families[0].metrics[1].labels ==
        std::vector<std::pair<std::string, std::string>>{{"direction", ""}, {"process", "a"}, {"role", "b"}});
}

TEST_CASE("the unit is that at the end of the base name", "[protobuf]") {
  core::Snapshot snapshot = snapshot_of(stalled, {{values({}), 1.0}});
  snapshot.families.push_back({&resets, {{values({"in"}), 1.0}}});
  snapshot.families.push_back({&rtt, {{values({}), core::Histogram()}}});
  const auto families = read_page(encode_protobuf(snapshot, {}));
  REQUIRE(families.size() == 3);
  CHECK(families[0].unit == "seconds");
  CHECK(families[1].unit.empty());
  CHECK(families[2].unit == "seconds");
}

TEST_CASE("a metric without series is not on the page", "[protobuf]") {
  core::Snapshot snapshot = snapshot_of(resets, {});
  CHECK(encode_protobuf(snapshot, {}).empty());
  snapshot.families.push_back({&sockets, {{values({}), 1.0}}});
  CHECK(read_page(encode_protobuf(snapshot, {})).size() == 1);
}

TEST_CASE("families of any length are behind their length", "[protobuf]") {
  for (const std::size_t label_bytes : {0U, 60U, 100U, 127U, 128U, 16'000U, 16'383U, 16'384U, 2'097'152U}) {
    core::Snapshot snapshot = snapshot_of(resets, {{values({std::string(label_bytes, 'x')}), 1.0}});
    snapshot.families.push_back({&sockets, {{values({}), 1.0}}});
    const auto families = read_page(encode_protobuf(snapshot, {}));
    REQUIRE(families.size() == 2);
    CHECK(families[0].metrics.at(0).labels.at(0).second.size() == label_bytes);
    CHECK(families[1].name == "g");
  }
}

TEST_CASE("random native histograms read back as they were", "[protobuf]") {
  std::mt19937_64 random(5);
  for (int i = 0; i < 2000; ++i) {
    core::Histogram h = histogram_of(static_cast<std::int32_t>(random() % 600) - 300, {});
    h.zero_count = random() >> (random() % 60 + 4);
    h.sum = static_cast<double>(random()) / 1024;
    std::map<std::int32_t, std::uint64_t> wanted;
    const auto length = random() % 200;
    for (std::uint64_t b = 0; b < length; ++b) {
      const bool empty = b != 0 && b + 1 != length && random() % 3 == 0;
      h.buckets.push_back(empty ? 0 : (random() >> (random() % 50 + 10)) + 1);
      if (!empty) {
        wanted[h.first_index + static_cast<std::int32_t>(b)] = h.buckets.back();
      }
    }
    const ReadHistogram read = encoded(h);
    auto found = read.buckets();
    std::erase_if(found, [](const auto& bucket) { return bucket.second == 0; });
    REQUIRE(found == wanted);
    REQUIRE(read.count == h.count());
    REQUIRE(read.zero_count == h.zero_count);
    REQUIRE(read.sum == h.sum);
  }
}
