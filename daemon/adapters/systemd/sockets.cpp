#include "adapters/systemd/sockets.h"

#include <numeric>

#include <systemd/sd-daemon.h>

namespace tcpperf::adapters {

core::Result<std::vector<int>> take_activation_sockets() {
  const int count = sd_listen_fds(/*unset_environment=*/1);
  if (count < 0) {
    return core::Error::from_errno("sockets of the service manager", -count);
  }
  if (count == 0) {
    return core::Error{
        "no socket was handed over; start tcpperf.socket (or use systemd-socket-activate), or leave out "
        "--web.systemd-socket"};
  }
  std::vector<int> sockets(static_cast<std::size_t>(count));
  std::iota(sockets.begin(), sockets.end(), SD_LISTEN_FDS_START);
  return sockets;
}

}  // namespace tcpperf::adapters
