#include "adapters/procfs/cgroups.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <sys/stat.h>

namespace tcpperf::adapters {
namespace {

// Mounts are written with \040 for a blank and so on.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octal = [&](std::size_t at) {
      return at < text.size() && text[at] >= '0' && text[at] <= '7' ? text[at] - '0' : -1;
    };
    if (text[i] == '\\' && octal(i + 1) >= 0 && octal(i + 2) >= 0 && octal(i + 3) >= 0) {
      out += static_cast<char>(octal(i + 1) * 64 + octal(i + 2) * 8 + octal(i + 3));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// Takes the first word and the blank behind it from `line`.
std::string_view next_word(std::string_view& line) {
  const std::size_t end = line.find(' ');
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
  return word;
}

}  // namespace

std::string parse_cgroup2_root(std::string_view mounts) {
  while (!mounts.empty()) {
    const std::size_t end = mounts.find('\n');
    std::string_view line = mounts.substr(0, end);
    mounts.remove_prefix(end == std::string_view::npos ? mounts.size() : end + 1);
    next_word(line);  // device
    const std::string_view directory = next_word(line);
    if (next_word(line) == "cgroup2") {
      return unescaped(directory);
    }
  }
  return "";
}

std::string find_cgroup2_root() {
  std::ifstream file("/proc/self/mounts");
  return parse_cgroup2_root(std::string(std::istreambuf_iterator<char>(file), {}));
}

CgroupPaths::CgroupPaths(std::string root) : root_(std::move(root)) {
  while (root_.ends_with('/')) {
    root_.pop_back();
  }
}

std::optional<std::string> CgroupPaths::cgroup_path(std::uint64_t id) const {
  auto found = paths_.find(id);
  if (found == paths_.end() && !searched_) {
    search();
    found = paths_.find(id);
  }
  if (found == paths_.end()) {
    return std::nullopt;
  }
  found->second.asked = true;
  return found->second.path;
}

void CgroupPaths::search() const {
  searched_ = true;
  std::erase_if(paths_, [](const auto& known) { return !known.second.asked; });
  for (auto& [id, known] : paths_) {
    known.asked = false;
  }
  if (root_.empty()) {
    return;
  }
  const auto add = [&](const std::filesystem::path& directory, std::string name) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) == 0) {
      paths_.insert_or_assign(status.st_ino, Known{std::move(name), false});
    }
  };
  add(root_, "/");
  // Directories come and go meanwhile: what cannot be entered is skipped.
  std::error_code error;
  auto entry = std::filesystem::recursive_directory_iterator(
      root_, std::filesystem::directory_options::skip_permission_denied, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code gone;
    if (entry->is_directory(gone) && !gone) {
      add(entry->path(), entry->path().native().substr(root_.size()));
    }
  }
}

}  // namespace tcpperf::adapters
