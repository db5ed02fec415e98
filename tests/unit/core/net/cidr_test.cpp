// Networks as text: what is accepted, what it becomes, and what the operator is told otherwise.
#include "core/net/cidr.h"

#include <array>
#include <string>
#include <string_view>

#include "catch.h"

namespace {

using tcpperf::core::Cidr;
using tcpperf::core::parse_cidr;

Cidr network(std::string_view text) {
  const auto result = parse_cidr(text);
  INFO(text << ": " << (result ? "" : result.error().message));
  REQUIRE(result);
  return *result;
}

std::string error_of(std::string_view text) {
  const auto result = parse_cidr(text);
  INFO(text);
  REQUIRE_FALSE(result);
  return result.error().message;
}

}  // namespace

TEST_CASE("an IPv4 network is held as IPv4-mapped IPv6", "[cidr]") {
  const Cidr cidr = network("10.128.0.0/9");
  CHECK(cidr.address == std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 128, 0, 0});
  CHECK(cidr.prefix_bits == 105);
}

TEST_CASE("an IPv6 network keeps its bytes and its prefix", "[cidr]") {
  const Cidr cidr = network("2001:db8:8000::/33");
  CHECK(cidr.address == std::array<std::uint8_t, 16>{0x20, 0x01, 0x0d, 0xb8, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  CHECK(cidr.prefix_bits == 33);
}

TEST_CASE("a plain address is a network of all its bits", "[cidr]") {
  CHECK(network("192.0.2.7") == network("192.0.2.7/32"));
  CHECK(network("192.0.2.7").prefix_bits == 128);
  CHECK(network("::1") == network("::1/128"));
}

TEST_CASE("IPv4-mapped text is the IPv4 network", "[cidr]") {
  CHECK(network("::ffff:1.2.3.0/120") == network("1.2.3.0/24"));
  CHECK(network("::ffff:1.2.3.4") == network("1.2.3.4"));
  CHECK(network("::ffff:0:0/96") == network("0.0.0.0/0"));
  CHECK_FALSE(network("::/0") == network("0.0.0.0/0"));
}

TEST_CASE("the shortest and the longest prefixes are accepted", "[cidr]") {
  CHECK(network("0.0.0.0/0").prefix_bits == 96);
  CHECK(network("::/0").prefix_bits == 0);
  CHECK(network("255.255.255.255/32").prefix_bits == 128);
  CHECK(network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128").prefix_bits == 128);
}

TEST_CASE("networks are written canonically, IPv4 for mapped ones", "[cidr]") {
  CHECK(to_string(network("10.0.0.0/8")) == "10.0.0.0/8");
  CHECK(to_string(network("192.0.2.7")) == "192.0.2.7/32");
  CHECK(to_string(network("::ffff:1.2.3.0/120")) == "1.2.3.0/24");
  CHECK(to_string(network("2001:DB8:0:0::/32")) == "2001:db8::/32");
  CHECK(to_string(network("::/0")) == "::/0");
  CHECK(to_string(network("0.0.0.0/0")) == "0.0.0.0/0");
}

TEST_CASE("the canonical text of a network reads back as the network", "[cidr]") {
  for (const std::string_view text : {"10.0.0.0/8", "0.0.0.0/0", "::/0", "::1", "fe80::/10", "::ffff:1.2.3.4"}) {
    INFO(text);
    CHECK(network(to_string(network(text))) == network(text));
  }
}

TEST_CASE("host bits are refused, and the network that was probably meant is named", "[cidr]") {
  CHECK(error_of("10.0.0.1/8") == "'10.0.0.1/8' has bits set behind its prefix; the network is '10.0.0.0/8'");
  CHECK(error_of("2001:db8::1/32") ==
        "'2001:db8::1/32' has bits set behind its prefix; the network is '2001:db8::/32'");
  CHECK(error_of("::ffff:1.2.3.4/120") ==
        "'::ffff:1.2.3.4/120' has bits set behind its prefix; the network is '1.2.3.0/24'");
  CHECK(error_of("10.0.0.128/24") == "'10.0.0.128/24' has bits set behind its prefix; the network is '10.0.0.0/24'");
}

TEST_CASE("what is not an address is refused with an example", "[cidr]") {
  const std::string example = " is not an IP address; expected a network such as 10.0.0.0/8 or 2001:db8::/32";
  for (const std::string_view text : {"", "localhost", "10.0.0", "10.0.0.0.0", "256.0.0.1", "010.0.0.1", "1.2.3.4 ",
                                      " 1.2.3.4", "fe80::1%eth0", "[::1]", "12345::", ":::", "0x7f000001"}) {
    CHECK(error_of(text) == "'" + std::string(text) + "'" + example);
  }
  CHECK(error_of("/8") == "''" + example);
}

TEST_CASE("a zero byte does not hide what follows it", "[cidr]") {
  CHECK_FALSE(parse_cidr(std::string_view("10.0.0.0\0x", 10)));
  CHECK_FALSE(parse_cidr(std::string_view("10.0.0.0/8\0", 11)));
}

TEST_CASE("a prefix length out of range or not a plain number is refused", "[cidr]") {
  const std::string example = "; expected a network such as 10.0.0.0/8 or 2001:db8::/32";
  CHECK(error_of("10.0.0.0/33") == "prefix length '33' is not a number from 0 to 32" + example);
  CHECK(error_of("2001:db8::/129") == "prefix length '129' is not a number from 0 to 128" + example);
  for (const std::string_view prefix : {"", "-1", "+8", "08", "8 ", "8/8", "255.0.0.0", "99999999999999999999", "a"}) {
    CHECK(error_of("10.0.0.0/" + std::string(prefix)) ==
          "prefix length '" + std::string(prefix) + "' is not a number from 0 to 32" + example);
  }
}

TEST_CASE("a long text is cut in the message", "[cidr]") {
  CHECK(error_of(std::string(5000, 'x')).size() < 200);
}

TEST_CASE("a message is one line of printable text whatever was given", "[cidr]") {
  CHECK(error_of("a\nb\x07\xff").substr(0, 9) == "'a?b\?\?' i");
  CHECK(error_of("10.0.0.0/8\n").substr(0, 19) == "prefix length '8?' ");
}
