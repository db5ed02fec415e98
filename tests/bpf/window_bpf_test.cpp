// window on real traffic: exact numbers of samples, and in each of them what TCP_INFO says of the same connection.
#include <cerrno>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sys/socket.h>

#include "abi/counters.h"
#include "catch.h"
#include "measurement.h"
#include "support/command.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/tcp_info.h"
#include "support/traffic.h"
#include "support/wait.h"

namespace {

namespace core = tcpperf::core;
namespace test = tcpperf::test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;
using test::ServerMode;

using Labels = std::vector<std::string>;
using Knobs = std::map<std::string, std::uint64_t, std::less<>>;

constexpr std::uint64_t kRx = TCPPERF_WINDOW_RX;
constexpr std::uint64_t kTx = TCPPERF_WINDOW_TX;
constexpr std::uint64_t kHourNs = 3'600'000'000'000;

Knobs knobs(std::uint64_t perspective, std::uint64_t interval_ns) {
  return {{"cfg_window_perspective", perspective}, {"cfg_window_interval_ns", interval_ns}};
}

Measurement measure_a(const NetworkPair& pair, std::uint64_t perspective, std::uint64_t interval_ns = 0) {
  return Measurement({"window"}, test::only_side(pair.a().v4, pair.a().v6), knobs(perspective, interval_ns));
}

// The upper border of the bucket of the greatest observation.
double greatest(const core::Histogram& histogram) {
  const auto buckets = static_cast<std::int32_t>(histogram.buckets.size());
  return buckets == 0 ? 0 : core::upper_border(histogram.first_index + buckets - 1);
}

// The congestion control of both sides, whatever the machine's is; and no surprise after a pause.
void use_reno(const NetworkPair& pair) {
  for (const test::Side& side : {pair.a(), pair.b()}) {
    test::write_setting(side, "net/ipv4/tcp_congestion_control", "reno");
    test::write_setting(side, "net/ipv4/tcp_slow_start_after_idle", "0");
    test::write_setting(side, "net/ipv4/tcp_early_retrans", "0");
  }
}

constexpr std::string_view kCongestion = "tcpperf_congestion_window_segments";
constexpr std::string_view kInflight = "tcpperf_inflight_segments";
constexpr std::string_view kUsed = "tcpperf_window_used_ratio";
constexpr std::string_view kSend = "tcpperf_send_window_bytes";
constexpr std::string_view kReceive = "tcpperf_receive_window_bytes";
constexpr std::string_view kThreshold = "tcpperf_slow_start_threshold_segments";
constexpr std::string_view kRate = "tcpperf_delivery_rate_bytes_per_second";
constexpr std::string_view kProduct = "tcpperf_bandwidth_delay_product_bytes";
constexpr std::string_view kMinRtt = "tcpperf_min_rtt_seconds";
constexpr std::string_view kPacing = "tcpperf_pacing_rate_bytes_per_second";
constexpr std::string_view kPathRtt = "tcpperf_path_rtt_seconds";

// All histograms of the probe at one moment.
class Reading {
 public:
  Reading(Measurement& measurement, std::string perspective) : perspective_(std::move(perspective)) {
    for (const std::string_view metric : {kCongestion, kInflight, kPathRtt}) {
      read(measurement, metric, {perspective_});
    }
    for (const std::string_view metric : {kSend, kReceive, kThreshold, kProduct, kMinRtt, kPacing}) {
      read(measurement, metric, {});
    }
    for (const char* word : {"true", "false"}) {
      read(measurement, kRate, {word});
    }
    for (const char* word : {"congestion", "send"}) {
      read(measurement, kUsed, {word});
    }
  }

  // What has been observed since.
  [[nodiscard]] core::Histogram since(const Reading& before, std::string_view metric, const Labels& labels = {}) const {
    return core::delta(at(metric, labels), before.at(metric, labels));
  }

  // Exactly one sample lies between the two, and it says what TCP_INFO said just before it, with nothing in flight.
  void check_one_sample(const Reading& before, const test::TcpInfo& info) const {
    const auto one = [&](std::string_view metric, const Labels& labels, double value) {
      INFO(metric);
      const core::Histogram sample = since(before, metric, labels);
      CHECK(sample.count() == 1);
      CHECK(sample.sum == value);
    };
    const auto one_time = [&](std::string_view metric, const Labels& labels, double value_us) {
      INFO(metric);
      const core::Histogram sample = since(before, metric, labels);
      CHECK(sample.count() == 1);
      CHECK(sample.sum >= value_us * 1e-6);
      CHECK(sample.sum <= value_us * 1e-6 + 0x1p-30);
    };
    one(kCongestion, {perspective_}, info.tcpi_snd_cwnd);
    one(kInflight, {perspective_}, 0);
    one(kUsed, {"congestion"}, 0);
    one(kUsed, {"send"}, 0);
    one(kSend, {}, info.tcpi_snd_wnd);
    one(kReceive, {}, info.tcpi_rcv_wnd);
    one(kPacing, {}, static_cast<double>(info.tcpi_pacing_rate));
    one_time(kPathRtt, {perspective_}, info.tcpi_rtt);
    one_time(kMinRtt, {}, info.tcpi_min_rtt);
  }

 private:
  void read(Measurement& measurement, std::string_view metric, const Labels& labels) {
    histograms_[{metric, labels}] = measurement.histogram(metric, labels);
  }
  [[nodiscard]] const core::Histogram& at(std::string_view metric, const Labels& labels) const {
    return histograms_.at({metric, labels});
  }

  std::string perspective_;
  std::map<std::pair<std::string_view, Labels>, core::Histogram> histograms_;
};

}  // namespace

TEST_CASE("without an interval every segment of an established connection is one sample", "[window]") {
  for (const Family family : test::kAllFamilies) {
    INFO(test::name_of(family));
    const NetworkPair pair;
    Measurement measurement = measure_a(pair, kRx | kTx);
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), family, server.port());
    test::request_response(socket, 499);
    // The FIN takes the last acknowledgement along.
    const test::TcpInfo arrived = test::tcp_info(socket);
    test::half_close(socket);
    test::receive_to_end(socket);
    const test::TcpInfo info = test::tcp_info(socket);
    INFO(measurement.nonzero());
    // Received: a SYN-ACK before; the ACK of the FIN, and the server's, after.
    const std::uint64_t received = arrived.tcpi_segs_in - 1;
    CHECK(received >= 499);
    for (const std::string_view metric : {kCongestion, kInflight, kPathRtt}) {
      INFO(metric);
      CHECK(measurement.histogram(metric, {"rx"}).count() == received);
      // Sent: a SYN before; a FIN and the ACK of the server's after.
      CHECK(measurement.histogram(metric, {"tx"}).count() == info.tcpi_segs_out - 3);
    }
    // What is not told apart is taken when segments arrive.
    CHECK(measurement.histogram(kSend).count() == received);
    CHECK(measurement.histogram(kUsed, {"congestion"}).count() == received);
    CHECK(measurement.histogram(kThreshold).count() == 0);  // infinite: nothing was lost
  }
}

TEST_CASE("a perspective that is not asked for is not sampled", "[window]") {
  const NetworkPair pair;
  const bool sending = GENERATE(false, true);
  Measurement measurement = measure_a(pair, sending ? kTx : kRx);
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  test::request_response(socket, 7);
  INFO(measurement.nonzero());
  const core::Snapshot snapshot = measurement.snapshot();
  const core::Family* windows = snapshot.find(kCongestion);
  REQUIRE(windows != nullptr);
  REQUIRE(windows->series.size() == 1);
  CHECK(windows->series[0].labels->front() == (sending ? "tx" : "rx"));
  CHECK(std::get<core::Histogram>(windows->series[0].value).count() > 0);
  CHECK((snapshot.find("tcpperf_transmitted_segments_total") != nullptr) == sending);
  CHECK(measurement.histogram(kSend).count() >= 7);
}

TEST_CASE("with an interval a connection gives at most one sample in it, from each perspective", "[window]") {
  const NetworkPair pair;
  SECTION("an hour") {
    Measurement measurement({"window"}, test::only_pair(), knobs(kRx | kTx, kHourNs));
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    for (int i = 0; i < 5; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
      test::request_response(socket, 50);
      test::close_actively(socket);
    }
    server.wait_for_closed(5);
    for (const char* perspective : {"rx", "tx"}) {
      CHECK(measurement.histogram(kCongestion, {perspective}).count() == 10);  // both sides
    }
    CHECK(measurement.histogram(kSend).count() == 10);
  }
  SECTION("50 ms") {
    constexpr milliseconds kInterval{50};
    Measurement measurement = measure_a(pair, kRx | kTx, kInterval / std::chrono::nanoseconds(1));
    Server server(pair.b(), {.mode = ServerMode::kEcho});
    const steady_clock::time_point begin = steady_clock::now();
    const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    while (steady_clock::now() - begin < 10 * kInterval) {
      test::request_response(socket, 20);
    }
    const auto most = static_cast<std::uint64_t>(1 + (steady_clock::now() - begin) / kInterval);
    for (const char* perspective : {"rx", "tx"}) {
      INFO(perspective);
      const std::uint64_t samples = measurement.histogram(kCongestion, {perspective}).count();
      CHECK(samples <= most);
      CHECK(samples >= 3);
    }
  }
}

TEST_CASE("a sample taken at an arrival is the connection as it was before", "[window]") {
  const NetworkPair pair;
  use_reno(pair);
  Measurement measurement = measure_a(pair, kRx);
  Server server(pair.b(), {.mode = ServerMode::kEcho, .delay_before_response = milliseconds(500)});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::request_response(socket, 1, 5'000);
  test::transfer(socket, 1);
  // The request is acknowledged before the response comes.
  test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
  const test::TcpInfo info = test::tcp_info(socket);
  const Reading before(measurement, "rx");
  char response = 0;
  REQUIRE(::recv(socket.get(), &response, 1, 0) == 1);
  INFO(measurement.nonzero());
  Reading(measurement, "rx").check_one_sample(before, info);
}

TEST_CASE("a sample taken at a send is the connection without what is sent", "[window]") {
  const NetworkPair pair;
  use_reno(pair);
  Measurement measurement = measure_a(pair, kTx);
  Server server(pair.b());
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kMapped, server.port());
  {
    test::Faults faults(pair.b());
    faults.drop_every_nth(test::to_port(server.port()), 29);
    test::transfer(socket, 300'000);
    test::wait_until([&] {
      const test::TcpInfo info = test::tcp_info(socket);
      return info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0;
    });
  }
  const test::TcpInfo info = test::tcp_info(socket);
  const Reading before(measurement, "tx");
  test::transfer(socket, 1);
  const Reading after(measurement, "tx");
  INFO(measurement.nonzero());
  after.check_one_sample(before, info);
  const core::Histogram threshold = after.since(before, kThreshold);
  CHECK(threshold.count() == 1);  // finite: segments were lost
  CHECK(threshold.sum == info.tcpi_snd_ssthresh);
}

TEST_CASE("a delivery rate is observed once, as the kernel has it", "[window]") {
  const NetworkPair pair;
  Measurement measurement = measure_a(pair, kTx);
  Server server(pair.b());
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  std::uint64_t known = 0;
  core::Histogram before;
  for (int i = 0; i < 10; ++i) {
    INFO(i);
    const test::TcpInfo info = test::tcp_info(socket);
    test::transfer(socket, 1);
    const core::Histogram after = measurement.histogram(kRate, {"true"});
    const core::Histogram fresh = core::delta(after, before);
    const bool renewed = info.tcpi_delivery_rate != known;
    CHECK(fresh.count() == (renewed ? 1 : 0));
    CHECK(fresh.sum == (renewed ? static_cast<double>(info.tcpi_delivery_rate) : 0));
    known = info.tcpi_delivery_rate;
    before = after;
    test::wait_until([&] { return test::tcp_info(socket).tcpi_unacked == 0; });
  }
  CHECK(before.count() >= 1);
  CHECK(before.count() < 10);
  CHECK(measurement.histogram(kRate, {"false"}).count() == 0);
}

TEST_CASE("a clamped congestion window is the window, and its use is what is in flight", "[window]") {
  const NetworkPair pair;
  use_reno(pair);
  test::run({"ip", "-n", pair.a().name, "route", "replace", "10.77.0.0/24", "dev", pair.a().interface, "src",
             pair.a().v4, "cwnd", "lock", "7"});
  Server server(pair.b());
  {
    // The kernel takes the clamp over from the route when a first connection ends.
    test::Socket first = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
    test::transfer(first, 1);
    test::close_actively(first);
  }
  Measurement measurement = measure_a(pair, kRx | kTx);
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, 2'000'000);
  server.wait_for_received(2'000'001);
  INFO(measurement.nonzero());
  REQUIRE(test::tcp_info(socket).tcpi_snd_cwnd == 7);
  for (const char* perspective : {"rx", "tx"}) {
    const core::Histogram window = measurement.histogram(kCongestion, {perspective});
    CHECK(window.count() > 100);
    CHECK(window.sum == 7 * static_cast<double>(window.count()));
  }
  const core::Histogram at_arrival = measurement.histogram(kInflight, {"rx"});
  const core::Histogram at_send = measurement.histogram(kInflight, {"tx"});
  // Borders of the buckets of 7 and 6.
  CHECK(greatest(at_arrival) == Approx(7.336).epsilon(1e-3));
  CHECK(greatest(at_send) == Approx(6.169).epsilon(1e-3));
  const core::Histogram used = measurement.histogram(kUsed, {"congestion"});
  CHECK(used.count() == at_arrival.count());
  CHECK(greatest(used) == 1.0);
  CHECK(used.sum * 7 == Approx(at_arrival.sum).epsilon(1e-5));
}

TEST_CASE("a receiver that does not read closes its window, and both sides see it", "[window]") {
  const NetworkPair pair;
  test::write_setting(pair.b(), "net/ipv4/tcp_rmem", "4096 16384 16384");
  Measurement sender = measure_a(pair, kRx);
  Measurement receiver({"window"}, test::only_side(pair.b().v4, pair.b().v6), knobs(kRx, 0));
  Server server(pair.b(), {.reading = false});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
  const std::string data(65536, 'x');
  while (::send(socket.get(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
  REQUIRE(errno == EAGAIN);
  // Window probes: each is answered, and the answer finds the window closed.
  test::wait_until(
      [&] { return sender.histogram(kSend).zero_count >= 2 && receiver.histogram(kReceive).zero_count >= 2; });
  const core::Histogram send_window = sender.histogram(kSend);
  const core::Histogram receive_window = receiver.histogram(kReceive);
  INFO(sender.nonzero());
  INFO(receiver.nonzero());
  CHECK(sender.histogram(kUsed, {"send"}).count() == send_window.count() - send_window.zero_count);
  CHECK(greatest(send_window) <= 16384 * 1.1);
  CHECK(greatest(receive_window) <= 16384);
  CHECK(greatest(receive_window) >= 4096);
}

TEST_CASE("a bottleneck's rate is measured, and the product of it and the least round trip", "[window]") {
  const NetworkPair pair;
  use_reno(pair);
  Measurement measurement = measure_a(pair, kRx);
  Server server(pair.b());
  test::Faults faults(pair.a());
  // 2 MB/s on the wire, of which 1448 of 1514 bytes are payload.
  faults.rate_limit("16mbit", "5kb", "100ms");
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::transfer(socket, 3'000'000);
  server.wait_for_received(3'000'000);
  const double min_rtt_s = test::tcp_info(socket).tcpi_min_rtt * 1e-6;
  const double expected = 2e6 * 1448 / 1514;
  INFO(measurement.nonzero());
  INFO(min_rtt_s);
  const core::Histogram rate = measurement.histogram(kRate, {"false"});
  REQUIRE(rate.count() > 100);
  CHECK(*core::quantile(rate, 0.5) == Approx(expected).epsilon(0.12));
  const core::Histogram product = measurement.histogram(kProduct);
  REQUIRE(product.count() > 100);
  CHECK(*core::quantile(product, 0.9) >= 0.9 * expected * min_rtt_s);
  CHECK(*core::quantile(product, 0.9) <= 2 * expected * min_rtt_s);
}

TEST_CASE("a connection with too little to send is app-limited and tells nothing of the path", "[window]") {
  const NetworkPair pair;
  Measurement measurement = measure_a(pair, kRx);
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::request_response(socket, 499);
  INFO(measurement.nonzero());
  CHECK(measurement.histogram(kRate, {"true"}).count() >= 1);
  CHECK(measurement.histogram(kRate, {"false"}).count() == 0);
  CHECK(measurement.histogram(kProduct).count() == 0);
  CHECK(measurement.histogram(kMinRtt).count() >= 499);
}

TEST_CASE("the cells of the groups do not mix", "[window]") {
  const NetworkPair pair;
  Measurement measurement({"window"}, test::only_pair(), knobs(kRx | kTx, kHourNs),
                          test::group_by({"window"}, {core::Dimension::kRole}, 4));
  Server server(pair.b(), {.mode = ServerMode::kEcho});
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  test::request_response(socket, 3);
  const test::TcpInfo info = test::tcp_info(socket);
  INFO(measurement.nonzero());
  using Groups = std::map<Labels, double>;
  CHECK(measurement.by_group(kCongestion) == Groups{{{"client"}, 2}, {{"server"}, 2}});
  CHECK(measurement.by_group(kSend) == Groups{{{"client"}, 1}, {{"server"}, 1}});
  CHECK(measurement.by_group("tcpperf_transmitted_segments_total").at({"client"}) == info.tcpi_segs_out);
}
