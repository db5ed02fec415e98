#include "adapters/netlink/sock_diag_dump.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>

namespace tcpperf::adapters {

namespace {

// The kernel fills a dump's datagrams up to the size of the reader's buffer, at most this.
constexpr std::size_t kDatagramBytes = 32768;

core::Error malformed(const std::string& what) {
  return {"sock_diag: malformed answer: " + what};
}

// Copies instead of casting: the bytes need not be aligned, nor be as many as the type needs.
template <typename T>
bool read_object(std::span<const std::byte> bytes, T& object) {
  if (bytes.size() < sizeof object) {
    return false;
  }
  std::memcpy(&object, bytes.data(), sizeof object);
  return true;
}

void count_socket(std::uint8_t state, TcpStateCounts& counts) {
  ++counts[state < counts.size() ? state : 0];
}

// `negative_errno` is how the kernel puts its failures into messages.
core::Error kernel_error(int negative_errno) {
  // -INT_MIN does not exist; such a number is not from a kernel.
  const int err = negative_errno < 0 && negative_errno > -4096 ? -negative_errno : EPROTO;
  if (err == ENOENT) {
    return {"sock_diag: the kernel knows no TCP sockets of this family (is its module tcp_diag missing?)", ENOENT};
  }
  return core::Error::from_errno("sock_diag: dump", err);
}

core::Result<void> parse_message(const nlmsghdr& header, std::span<const std::byte> payload, Dump& dump) {
  switch (header.nlmsg_type) {
    case NLMSG_NOOP: return {};
    case NLMSG_OVERRUN: return core::Error{"sock_diag: the kernel lost a part of its answer"};
    case NLMSG_ERROR: {
      nlmsgerr error{};
      if (!read_object(payload, error)) {
        return malformed("error message too short");
      }
      return kernel_error(error.error);
    }
    case NLMSG_DONE: {
      // The dump's own result follows; very old kernels send none.
      int result = 0;
      if (read_object(payload, result) && result < 0) {
        return kernel_error(result);
      }
      dump.complete = true;
      return {};
    }
    case SOCK_DIAG_BY_FAMILY: {
      inet_diag_msg socket{};
      if (!read_object(payload, socket)) {
        return malformed("socket message too short");
      }
      count_socket(socket.idiag_state, dump.counts);
      return {};
    }
    default: return malformed("message of type " + std::to_string(header.nlmsg_type));
  }
}

// How long poll() may wait, rounded up so that it does not spin in the last millisecond.
int remaining_ms(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

}  // namespace

core::Result<void> parse_dump(std::span<const std::byte> bytes, const DumpId& id, Dump& dump) {
  while (!bytes.empty() && !dump.complete) {
    nlmsghdr header{};
    if (!read_object(bytes, header)) {
      return malformed("header cut off");
    }
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) {
      return malformed("length " + std::to_string(header.nlmsg_len) + " with " + std::to_string(bytes.size()) +
                       " bytes left");
    }
    if (header.nlmsg_seq == id.sequence && header.nlmsg_pid == id.port_id) {
      dump.interrupted = dump.interrupted || (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      auto parsed = parse_message(header, bytes.subspan(sizeof header, header.nlmsg_len - sizeof header), dump);
      if (!parsed) {
        return parsed;
      }
    }
    // The last message need not be padded.
    const std::size_t padded =
        (static_cast<std::size_t>(header.nlmsg_len) + NLMSG_ALIGNTO - 1) & ~(NLMSG_ALIGNTO - 1UL);
    bytes = bytes.subspan(padded < bytes.size() ? padded : bytes.size());
  }
  return {};
}

core::Result<Dump> read_dump(int fd, const DumpId& id, std::chrono::steady_clock::time_point deadline) {
  Dump dump;
  std::array<std::byte, kDatagramBytes> buffer;
  while (!dump.complete) {
    pollfd waiting{fd, POLLIN, 0};
    const int wait_ms = remaining_ms(deadline);
    const int ready = wait_ms > 0 ? ::poll(&waiting, 1, wait_ms) : 0;
    if (ready == 0) {
      return core::Error{"sock_diag: the kernel did not finish the dump in time", ETIMEDOUT};
    }
    // MSG_TRUNC: the datagram's true length, also when it was longer than the buffer.
    const ssize_t length = ready < 0 ? -1 : ::recv(fd, buffer.data(), buffer.size(), MSG_TRUNC | MSG_DONTWAIT);
    if (length < 0) {
      if (errno == EINTR || errno == EAGAIN) {
        continue;
      }
      return core::Error::from_errno("sock_diag: receive", errno);
    }
    if (length == 0) {
      return malformed("empty datagram");
    }
    if (static_cast<std::size_t>(length) > buffer.size()) {
      return malformed("datagram of " + std::to_string(length) + " bytes");
    }
    auto parsed = parse_dump(std::span(buffer).first(static_cast<std::size_t>(length)), id, dump);
    if (!parsed) {
      return parsed.error();
    }
  }
  return dump;
}

}  // namespace tcpperf::adapters
