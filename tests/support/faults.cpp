#include "support/faults.h"

#include <charconv>
#include <stdexcept>
#include <string_view>

#include "support/command.h"

namespace tcpperf::test {

namespace {

constexpr const char* kTable = "tcpperf_faults";
// `numgen inc` counts 0, 1, 2 ... and starts again at its modulus: with one that is never reached, "< n" is true for
// exactly the first n packets.
constexpr const char* kCountUp = "numgen inc mod 4294967295";

std::string nft(const Side& side, const std::vector<std::string>& arguments) {
  std::vector<std::string> command{"nft"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return in_namespace(side, [&] { return run(command); });
}

std::uint64_t read_counter(const Side& side, const std::string& name) {
  const std::string text = nft(side, {"list", "counter", "inet", kTable, name});
  constexpr std::string_view kLabel = "packets ";
  const std::size_t at = text.find(kLabel);
  std::uint64_t packets = 0;
  if (at == std::string::npos ||
      std::from_chars(text.data() + at + kLabel.size(), text.data() + text.size(), packets).ec != std::errc{}) {
    throw std::runtime_error("no packet count in what nft says: " + text);
  }
  return packets;
}

std::string tcp(const Match& match) {
  return "tcp " + match.field + " " + std::to_string(match.port);
}

}  // namespace

std::uint64_t Fault::seen_packets() const {
  return read_counter(side_, name_ + "_seen");
}
std::uint64_t Fault::hit_packets() const {
  return read_counter(side_, name_ + "_hit");
}

Faults::Faults(Side side) : side_(std::move(side)) {
  nft(side_, {"add table inet " + std::string(kTable)});
  nft(side_, {"add chain inet " + std::string(kTable) + " input { type filter hook input priority 0 ; }"});
}

Faults::~Faults() {
  try {
    remove_rate_limit();
    nft(side_, {"delete table inet " + std::string(kTable)});
  } catch (...) {  // NOLINT(bugprone-empty-catch): the namespace is going away, and its rules with it
  }
}

Fault Faults::add(const std::string& match, const std::string& condition, const std::string& verdict) {
  const std::string name = "fault" + std::to_string(next_++);
  const std::string table = std::string("inet ") + kTable + " ";
  nft(side_,
      {"add counter " + table + name + "_seen ; add counter " + table + name + "_hit ; add rule " + table + "input " +
       match + " counter name " + name + "_seen " + condition + " counter name " + name + "_hit " + verdict});
  return {side_, name};
}

Fault Faults::drop_every_nth(const Match& match, std::uint32_t n) {
  if (n < 2) {
    return add(tcp(match), "", "drop");
  }
  return add(tcp(match), "numgen inc mod " + std::to_string(n) + " == " + std::to_string(n - 1), "drop");
}

Fault Faults::drop_random(const Match& match, std::uint32_t percent) {
  return add(tcp(match), "numgen random mod 100 < " + std::to_string(percent), "drop");
}

Fault Faults::drop_first_syn(std::uint16_t port, std::uint32_t count) {
  return add(tcp(to_port(port)) + " tcp flags & (syn|ack|rst) == syn", kCountUp + (" < " + std::to_string(count)),
             "drop");
}

Fault Faults::drop_first_synack(std::uint16_t port, std::uint32_t count) {
  return add(tcp(from_port(port)) + " tcp flags & (syn|ack|rst) == (syn|ack)",
             kCountUp + (" < " + std::to_string(count)), "drop");
}

Fault Faults::drop_all_but_syns(std::uint16_t port) {
  return add(tcp(to_port(port)) + " tcp flags & (syn|ack|rst) != syn", "", "drop");
}

Fault Faults::blackhole(std::uint16_t port) {
  return add(tcp(to_port(port)), "", "drop");
}

Fault Faults::reject_unreachable(std::uint16_t port) {
  return add(tcp(to_port(port)), "", "reject with icmpx type host-unreachable");
}

void Faults::rate_limit(const std::string& rate, const std::string& burst, const std::string& latency) {
  run({"tc", "-n", side_.name, "qdisc", "replace", "dev", side_.interface, "root", "tbf", "rate", rate, "burst", burst,
       "latency", latency});
  rate_limited_ = true;
}

void Faults::send_only_tcp() {
  const std::string table = std::string("inet ") + kTable;
  nft(side_, {"add chain " + table + " output { type filter hook output priority 0 ; } ; add rule " + table +
              " output meta l4proto != tcp drop"});
}

void Faults::remove_rate_limit() {
  if (rate_limited_) {
    run({"tc", "-n", side_.name, "qdisc", "del", "dev", side_.interface, "root"});
    rate_limited_ = false;
  }
}

void Faults::clear() {
  remove_rate_limit();
  const std::string table = std::string("inet ") + kTable;
  nft(side_, {"flush chain " + table + " input ; delete table " + table + " ; add table " + table + " ; add chain " +
              table + " input { type filter hook input priority 0 ; }"});
}

}  // namespace tcpperf::test
