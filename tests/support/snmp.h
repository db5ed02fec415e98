// The kernel's own TCP counters of one network namespace: what tcpperf's numbers are compared with.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "support/network_pair.h"

namespace tcpperf::test {

// "Tcp.RetransSegs", "TcpExt.TCPTimeouts", "Ip.InReceives" ... A negative number (Tcp.MaxConn is -1) is kept as its
// two's complement. Tcp.* and TcpExt.* count IPv4 and IPv6 together; Ip.* is IPv4 alone.
using SnmpCounters = std::map<std::string, std::uint64_t>;

// /proc/net/snmp and /proc/net/netstat of that namespace. Throws std::runtime_error. A counter that other CPUs are
// adding to at this moment may be read before or after; quiesce the traffic for exact numbers.
SnmpCounters read_snmp(const Side& side);

// after - before for every name in `after`; a name that `before` lacks counts from 0.
SnmpCounters delta(const SnmpCounters& after, const SnmpCounters& before);

// Adds what the text of one of these files says. Throws std::runtime_error when it is not of that form.
void parse_snmp(std::string_view text, SnmpCounters& counters);

}  // namespace tcpperf::test
