#include "support/command.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/socket.h"

namespace tcpperf::test {

namespace {

std::string command_line(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    line += line.empty() ? "" : " ";
    line += argument;
  }
  return line;
}

struct Pipe {
  Socket read_end;
  Socket write_end;

  Pipe() {
    int ends[2] = {};
    if (::pipe2(ends, O_CLOEXEC) != 0) {
      throw std::runtime_error(std::string("pipe2: ") + std::strerror(errno));
    }
    read_end = Socket(ends[0]);
    write_end = Socket(ends[1]);
  }
};

// Reads both until both end, so that neither can fill up and block the child.
void read_both(int first, std::string& first_text, int second, std::string& second_text) {
  pollfd waiting[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  std::string* const texts[2] = {&first_text, &second_text};
  int open_count = 2;
  while (open_count > 0) {
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) {
      throw std::runtime_error(std::string("poll: ") + std::strerror(errno));
    }
    for (int i = 0; i < 2; ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) {
        continue;
      }
      char buffer[4096];
      const ssize_t length = ::read(waiting[i].fd, buffer, sizeof buffer);
      if (length > 0) {
        texts[i]->append(buffer, static_cast<std::size_t>(length));
      } else {
        waiting[i].fd = -1;
        --open_count;
      }
    }
  }
}

}  // namespace

std::string run(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);

  Pipe output;
  Pipe errors;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output.write_end.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, errors.write_end.get(), STDERR_FILENO);
  pid_t child = 0;
  int failure = ENOENT;
  // The commands live in sbin, which the PATH of a build machine need not name.
  for (const char* folder : {"", "/usr/sbin/", "/sbin/"}) {
    const std::string program = folder + arguments.at(0);
    failure = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
    if (failure != ENOENT) {
      break;
    }
  }
  ::posix_spawn_file_actions_destroy(&actions);
  output.write_end.close();
  errors.write_end.close();
  if (failure != 0) {
    throw std::runtime_error(command_line(arguments) + ": " + std::strerror(failure));
  }

  std::string output_text;
  std::string error_text;
  read_both(output.read_end.get(), output_text, errors.read_end.get(), error_text);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) {
      throw std::runtime_error(command_line(arguments) + ": waitpid: " + std::strerror(errno));
    }
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw std::runtime_error(command_line(arguments) + ": " +
                             (error_text.empty() ? "failed with status " + std::to_string(status) : error_text));
  }
  return output_text;
}

}  // namespace tcpperf::test
