#include "adapters/http/acceptor.h"

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace tcpperf::adapters::http {
namespace {

// With no descriptor left the connection stays in the backlog, and its socket readable: asked again after a moment.
constexpr std::chrono::milliseconds kAfterFailure{20};

// Of one listener before the others get their turn.
constexpr int kMostAtOnce = 64;

bool passes_by_itself(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR || error == ECONNABORTED;
}

}  // namespace

core::Result<std::unique_ptr<Acceptor>> Acceptor::start(std::vector<UniqueFd> listeners, Take take, Failed failed) {
  UniqueFd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) {
    return core::Error::from_errno("eventfd", errno);
  }
  return std::unique_ptr<Acceptor>(
      new Acceptor(std::move(listeners), std::move(take), std::move(failed), std::move(stop)));
}

Acceptor::Acceptor(std::vector<UniqueFd> listeners, Take take, Failed failed, UniqueFd stop)
    : listeners_(std::move(listeners)),
      take_(std::move(take)),
      failed_(std::move(failed)),
      stop_(std::move(stop)),
      thread_([this] { run(); }) {}

Acceptor::~Acceptor() {
  const std::uint64_t one = 1;
  eventfd_write(stop_.get(), one);  // cannot fail: the counter is far from full
  thread_.join();
}

void Acceptor::run() {
  pthread_setname_np(pthread_self(), "tcpperf-accept");
  std::vector<pollfd> watched;
  for (const UniqueFd& listener : listeners_) {
    watched.push_back({listener.get(), POLLIN, 0});
  }
  watched.push_back({stop_.get(), POLLIN, 0});
  while (true) {
    if (poll(watched.data(), watched.size(), -1) < 0) {
      continue;  // EINTR
    }
    if (watched.back().revents != 0) {
      return;
    }
    for (const pollfd& each : watched) {
      if (each.revents != 0) {
        accept_from(each.fd);
      }
    }
  }
}

void Acceptor::accept_from(int listener) {
  for (int i = 0; i < kMostAtOnce; ++i) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    UniqueFd socket(accept4(listener, generic, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.valid()) {
      if (!passes_by_itself(errno)) {
        failed_(errno);
        pollfd stop{stop_.get(), POLLIN, 0};
        poll(&stop, 1, static_cast<int>(kAfterFailure.count()));
      }
      return;
    }
    take_(std::move(socket), generic, length);
  }
}

}  // namespace tcpperf::adapters::http
