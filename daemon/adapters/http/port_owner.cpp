#include "adapters/http/port_owner.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

namespace tcpperf::adapters::http {
namespace {

namespace fs = std::filesystem;

// "socket:[INODE]" of every listening socket on the port in one of /proc/net/tcp, tcp6.
void collect_sockets(const char* table, std::uint16_t port, std::set<std::string>& links) {
  constexpr std::size_t kLocalAddress = 1;
  constexpr std::size_t kState = 3;
  constexpr std::size_t kInode = 9;
  std::ifstream in(table);
  std::string line;
  std::getline(in, line);  // headings
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::vector<std::string> fields;
    for (std::string word; fields.size() <= kInode && words >> word;) {
      fields.push_back(word);
    }
    if (fields.size() <= kInode || fields[kState] != "0A") {
      continue;
    }
    const std::string_view local = fields[kLocalAddress];
    const std::string_view hex = local.substr(local.rfind(':') + 1);
    unsigned value = 0;
    std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (value == port) {
      links.insert("socket:[" + fields[kInode] + "]");
    }
  }
}

bool holds_one_of(const fs::path& process, const std::set<std::string>& links) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end; fd.increment(error)) {
    std::error_code gone;
    if (links.contains(fs::read_symlink(fd->path(), gone).string())) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::optional<PortOwner> find_port_owner(std::uint16_t port) {
  std::set<std::string> links;
  collect_sockets("/proc/net/tcp", port, links);
  collect_sockets("/proc/net/tcp6", port, links);
  if (links.empty()) {
    return std::nullopt;
  }
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; !error && process != end; process.increment(error)) {
    const std::string name = process->path().filename().string();
    pid_t pid = 0;
    const auto [last, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad != std::errc() || last != name.data() + name.size() || !holds_one_of(process->path(), links)) {
      continue;
    }
    PortOwner owner;
    owner.pid = pid;
    std::ifstream comm(process->path() / "comm");
    std::getline(comm, owner.name);
    return owner;
  }
  return std::nullopt;
}

}  // namespace tcpperf::adapters::http
