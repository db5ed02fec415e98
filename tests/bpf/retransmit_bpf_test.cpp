// retransmit on real traffic: equal to the kernel's own counters, kind by kind, and to the socket's own account.
#include <string>

#include "catch.h"
#include "measurement.h"
#include "support/faults.h"
#include "support/network_pair.h"
#include "support/server.h"
#include "support/snmp.h"
#include "support/tcp_info.h"
#include "support/traffic.h"

namespace {

namespace test = tcpperf::test;
using test::Family;
using test::Measurement;
using test::NetworkPair;
using test::Server;

double segments(Measurement& measurement, const std::string& kind) {
  return measurement.value("tcpperf_retransmitted_segments_total", {kind});
}

}  // namespace

TEST_CASE("retransmitted segments equal the kernel's counters, kind by kind", "[retransmit]") {
  const NetworkPair pair({.segmentation_offload = GENERATE(false, true)});
  Measurement measurement({"retransmit"}, test::only_side(pair.a().v4, pair.a().v6));
  Server server(pair.b());
  const test::SnmpCounters before = test::read_snmp(pair.a());
  {
    test::Faults faults(pair.b());
    faults.drop_random(test::to_port(server.port()), 3);
    for (int i = 0; i < 7; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
      test::transfer(socket, 1'500'000);
      test::close_actively(socket);
    }
    // Short connections end before duplicate ACKs can tell of a loss.
    for (int i = 0; i < 41; ++i) {
      test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv6, server.port());
      test::transfer(socket, 3'000);
      test::close_actively(socket);
    }
  }
  server.wait_for_closed(48);
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  INFO(measurement.nonzero());
  const auto counted = [&](const char* name) { return static_cast<double>(kernel.at(name)); };

  REQUIRE(counted("Tcp.RetransSegs") > 50);
  // The kernel counts a retransmission before it tries; ours are those that left, and failures apart.
  CHECK(measurement.total("tcpperf_retransmitted_segments_total") <= counted("Tcp.RetransSegs"));
  CHECK(measurement.total("tcpperf_retransmitted_segments_total") +
            measurement.value("tcpperf_retransmit_failures_total") >=
        counted("Tcp.RetransSegs"));
  CHECK(segments(measurement, "syn") == counted("TcpExt.TCPSynRetrans"));
  CHECK(segments(measurement, "fast") == counted("TcpExt.TCPFastRetrans"));
  CHECK(segments(measurement, "loss_recovery") == counted("TcpExt.TCPSlowStartRetrans"));
  CHECK(segments(measurement, "rto") + segments(measurement, "syn") == counted("TcpExt.TCPTimeouts"));
  // A probe that carried new data is no retransmission.
  CHECK(segments(measurement, "tlp") <= counted("TcpExt.TCPLossProbes"));
  CHECK(segments(measurement, "other") == 0);
}

TEST_CASE("a lost request with nothing behind it is a tail loss probe, as often as the kernel probes", "[retransmit]") {
  const NetworkPair pair;
  Measurement measurement({"retransmit"}, test::only_side(pair.a().v4, pair.a().v6));
  Server server(pair.b(), {.mode = test::ServerMode::kEcho});
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  const test::SnmpCounters before = test::read_snmp(pair.a());
  test::Faults faults(pair.b());
  faults.drop_every_nth(test::to_port(server.port()), 11);
  test::request_response(socket, 61);
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.a()), before);
  INFO(measurement.nonzero());
  CHECK(segments(measurement, "tlp") >= 1);
  CHECK(segments(measurement, "tlp") == static_cast<double>(kernel.at("TcpExt.TCPLossProbes")));
  CHECK(measurement.total("tcpperf_retransmitted_segments_total") == static_cast<double>(kernel.at("Tcp.RetransSegs")));
}

TEST_CASE("segments and bytes equal what the socket itself says", "[retransmit]") {
  const NetworkPair pair({.segmentation_offload = true});
  Measurement measurement({"retransmit"}, test::only_side(pair.a().v4, pair.a().v6));
  Server server(pair.b());
  test::Faults faults(pair.b());
  faults.drop_every_nth(test::to_port(server.port()), 17);
  test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kMapped, server.port());
  const double syns = segments(measurement, "syn");
  test::transfer(socket, 3'000'001);
  test::half_close(socket);
  test::receive_to_end(socket);  // the peer has read all
  const test::TcpInfo info = test::tcp_info(socket);
  socket.close();
  INFO(measurement.nonzero());
  CHECK(measurement.value("tcpperf_sent_segments_total") == info.tcpi_data_segs_out);
  CHECK(measurement.total("tcpperf_retransmitted_segments_total") == info.tcpi_total_retrans);
  CHECK(measurement.total("tcpperf_retransmitted_bytes_total") == static_cast<double>(info.tcpi_bytes_retrans));
  CHECK(info.tcpi_total_retrans > syns);
}

TEST_CASE("retransmitted SYN-ACKs are a kind of their own", "[retransmit]") {
  const NetworkPair pair;
  Measurement measurement({"retransmit"}, test::only_side(pair.b().v4, pair.b().v6));
  Server server(pair.b());
  const test::SnmpCounters before = test::read_snmp(pair.b());
  test::Faults faults(pair.a());
  faults.drop_first_synack(server.port(), 3);
  const test::Socket socket = test::connect_to(pair.a(), pair.b(), Family::kIPv4, server.port());
  server.wait_for_accepted(1);
  const test::SnmpCounters kernel = test::delta(test::read_snmp(pair.b()), before);
  CHECK(segments(measurement, "synack") >= 1);
  CHECK(segments(measurement, "synack") == static_cast<double>(kernel.at("TcpExt.TCPSynRetrans")));
  CHECK(segments(measurement, "synack") == static_cast<double>(kernel.at("Tcp.RetransSegs")));
}
