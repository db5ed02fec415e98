// Running a command of the system (ip, nft, tc) and reading what it printed.
#pragma once

#include <string>
#include <vector>

namespace tcpperf::test {

// Runs arguments[0], searched in PATH and the sbin folders, with nothing on its standard input, and waits for its end.
// It runs in the calling thread's network namespace. Returns its standard output; throws std::runtime_error with the
// command line and its standard error when it cannot be started or does not exit with 0. No shell is involved.
std::string run(const std::vector<std::string>& arguments);

}  // namespace tcpperf::test
