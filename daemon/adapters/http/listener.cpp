#include "adapters/http/listener.h"

#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace tcpperf::adapters::http {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress any_ipv6(std::uint16_t port) {
  SocketAddress address;
  auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  ipv6->sin6_family = AF_INET6;
  ipv6->sin6_addr = in6addr_any;
  ipv6->sin6_port = htons(port);
  address.length = sizeof(*ipv6);
  return address;
}

SocketAddress any_ipv4(std::uint16_t port) {
  SocketAddress address;
  auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  ipv4->sin_family = AF_INET;
  ipv4->sin_addr.s_addr = htonl(INADDR_ANY);
  ipv4->sin_port = htons(port);
  address.length = sizeof(*ipv4);
  return address;
}

core::Result<SocketAddress> resolve(const ListenAddress& wanted) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int status = getaddrinfo(wanted.host.c_str(), std::to_string(wanted.port).c_str(), &hints, &list);
  if (status != 0) {
    return core::Error{"listen on " + to_string(wanted) + ": " + gai_strerror(status)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, freeaddrinfo);
  const addrinfo* chosen = list;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    if (each->ai_family == AF_INET) {
      chosen = each;
      break;
    }
  }
  SocketAddress address;
  address.length = chosen->ai_addrlen;
  __builtin_memcpy(&address.storage, chosen->ai_addr, chosen->ai_addrlen);
  return address;
}

// Of a connection flood the backlog must not become a queue of seconds.
constexpr int kBacklog = 1024;

// What the kernel may hold of each connection, which takes it over from its listener: it counts as the daemon's memory.
// Of requests little, as they are small; of pages what is not on its way, so that who reads gets them as fast as ever,
// and who does not finds no 4 MiB of further pages put into the socket's buffer. 0, or -1 and errno.
int bound_kernel_buffers(int tcp_socket) {
  constexpr int kReceiveBytes = 32 * 1024;  // the kernel doubles it, for its own structures
  constexpr int kUnsentBytes = 128 * 1024;
  return setsockopt(tcp_socket, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof(kReceiveBytes)) == 0 &&
                 setsockopt(tcp_socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes, sizeof(kUnsentBytes)) == 0
             ? 0
             : -1;
}

// A listening socket, or errno.
core::Result<UniqueFd> open_socket(SocketAddress& address, bool both_families) {
  UniqueFd fd(socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return core::Error::from_errno("socket", errno);
  }
  const int on = 1;
  const int only_ipv6 = both_families ? 0 : 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
      (address.storage.ss_family == AF_INET6 &&
       setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof(only_ipv6)) != 0) ||
      bound_kernel_buffers(fd.get()) != 0 || bind(fd.get(), address.get(), address.length) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return core::Error::from_errno("bind", errno);
  }
  return fd;
}

core::Result<UniqueFd> open_any(std::uint16_t port) {
  SocketAddress ipv6 = any_ipv6(port);
  auto fd = open_socket(ipv6, true);
  if (fd || (fd.error().system_errno != EAFNOSUPPORT && fd.error().system_errno != EADDRNOTAVAIL)) {
    return fd;
  }
  SocketAddress ipv4 = any_ipv4(port);
  return open_socket(ipv4, false);
}

core::Error describe(const ListenAddress& wanted, int system_errno) {
  if (system_errno == EADDRINUSE) {
    return {taken_port_message(wanted, find_port_owner(wanted.port)), system_errno};
  }
  return core::Error::from_errno("listen on " + to_string(wanted), system_errno);
}

core::Result<ListenAddress> address_of(const UniqueFd& fd, const ListenAddress& wanted) {
  SocketAddress bound;
  bound.length = sizeof(bound.storage);
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getsockname(fd.get(), bound.get(), &bound.length) != 0 ||
      getnameinfo(bound.get(), bound.length, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) !=
          0) {
    return core::Error::from_errno("address of the socket for " + to_string(wanted), errno);
  }
  return ListenAddress{wanted.host.empty() ? "" : host, static_cast<std::uint16_t>(std::stoul(port))};
}

}  // namespace

std::string taken_port_message(const ListenAddress& wanted, const std::optional<PortOwner>& owner) {
  constexpr std::uint16_t kDefaultPort = 9435;
  std::string message = "listen on " + to_string(wanted) + ": address already in use";
  if (wanted.port == kDefaultPort) {
    message += " (9435 is also the default port of ebpf_exporter)";
  }
  message += "; choose another with --web.listen-address";
  if (owner) {
    message += "; it is held by " + owner->name + " (pid " + std::to_string(owner->pid) + ")";
  }
  return message;
}

core::Result<Listener> adopt_listener(UniqueFd fd) {
  const std::string what = "socket " + std::to_string(fd.get()) + " that was handed over";
  int listening = 0;
  socklen_t size = sizeof(listening);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) {
    return core::Error::from_errno(what, errno);
  }
  int type = 0;
  size = sizeof(type);
  if (listening == 0 || getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_STREAM) {
    return core::Error{what + " is not a listening stream socket; write ListenStream= and no Accept=yes"};
  }
  // accept() must not block: another process may share the socket and be faster.
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return core::Error::from_errno(what, errno);
  }
  SocketAddress bound;
  bound.length = sizeof(bound.storage);
  if (getsockname(fd.get(), bound.get(), &bound.length) != 0) {
    return core::Error::from_errno(what, errno);
  }
  if (bound.storage.ss_family == AF_UNIX) {
    const auto* local = reinterpret_cast<const sockaddr_un*>(&bound.storage);
    return Listener{std::move(fd), {local->sun_path[0] == '/' ? local->sun_path : "unix", 0}};
  }
  if (bound_kernel_buffers(fd.get()) != 0) {
    return core::Error::from_errno(what, errno);
  }
  auto address = address_of(fd, {"any", 0});
  if (!address) {
    return address.error();
  }
  if (address->host == "::" || address->host == "0.0.0.0") {
    address->host.clear();
  }
  return Listener{std::move(fd), std::move(*address)};
}

core::Result<Listener> listen_on(const ListenAddress& address) {
  core::Result<UniqueFd> fd = UniqueFd();
  if (address.host.empty()) {
    fd = open_any(address.port);
  } else {
    auto resolved = resolve(address);
    if (!resolved) {
      return resolved.error();
    }
    fd = open_socket(*resolved, false);
  }
  if (!fd) {
    return describe(address, fd.error().system_errno);
  }
  auto actual = address_of(*fd, address);
  if (!actual) {
    return actual.error();
  }
  return Listener{std::move(*fd), std::move(*actual)};
}

}  // namespace tcpperf::adapters::http
