// Whether a password is right: bcrypt, in a thread of its own and within a budget. Internal to this adapter.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "adapters/http/connections.h"
#include "adapters/http/credentials.h"

namespace tcpperf::adapters::http {

// bcrypt is slow on purpose: some 60 ms of CPU time at a cost of 10. So
// - an answer is remembered: who scrapes every second costs one check in all,
// - wrong passwords get a tenth of a CPU in the long run, however many are tried; right ones are free,
// - each client has one check waiting at most, and who has been wrong lately waits behind who has not, and makes room
//   for it where all places are taken.
// What is remembered is a keyed digest of name, hash and password, never a password; so a new hash is a new question.
class Passwords {
 public:
  enum class Answer {
    kRight,
    kWrong,
    kAsked,  // `done` will be called
    kBusy,   // too many are waiting already
  };
  // Called by the thread, or for others than `who` during check(), never with "asked"; must not throw.
  using Done = std::function<void(void* who, Answer answer)>;

  // The thread begins with the first check. Without random numbers, which the kernel always has, all are wrong.
  explicit Passwords(Done done);
  ~Passwords() { stop(); }
  Passwords(const Passwords&) = delete;
  Passwords& operator=(const Passwords&) = delete;

  // `hash`: of the user, or of any other where there is no such user (`known` is false): the answer is then "wrong"
  // after as much time, so that nobody learns which names there are. Thread-safe. "busy" after stop().
  Answer check(void* who, const ClientKey& client, const Credentials& credentials, const std::string& hash, bool known);

  // Waits for a check that is running, and answers all others with "wrong".
  void stop();

 private:
  using Digest = std::array<std::uint8_t, 32>;
  struct Job {
    std::vector<void*> who{};  // all who ask the same
    ClientKey client{};
    Digest digest{};
    std::string password;
    std::string hash;
    bool known = false;
  };
  // Answers by digest, the oldest forgotten when there are too many.
  struct Memory {
    std::size_t most = 0;
    std::map<Digest, bool> answers{};
    std::deque<Digest> order{};

    void remember(const Digest& digest);
    [[nodiscard]] bool has(const Digest& digest) const { return answers.contains(digest); }
  };

  void run();
  [[nodiscard]] bool wrong_lately(const Job& job) const { return wrong_lately_.contains(job.client); }
  std::deque<Job>::iterator next_job();
  // Takes out of the full queue who has been wrong lately, the last of them; nobody for one who has been so too.
  std::vector<void*> make_room_for(const Job& job);
  [[nodiscard]] Digest digest_of(const Credentials& credentials, const std::string& hash) const;
  Job* find_job(const Digest& digest);
  void finish(const Job& job, bool right, std::chrono::nanoseconds took);

  Digest secret_{};  // never changes
  bool usable_ = false;
  const Done done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  Job* running_ = nullptr;  // the one that is checked now
  Memory right_{.most = 256};
  Memory wrong_{.most = 256};
  std::map<ClientKey, std::chrono::steady_clock::time_point> wrong_lately_;  // when last; the oldest are forgotten
  std::chrono::nanoseconds debt_{0};  // CPU time of wrong passwords that is not paid off yet
  std::chrono::steady_clock::time_point debt_at_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace tcpperf::adapters::http
