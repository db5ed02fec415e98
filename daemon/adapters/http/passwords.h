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

#include "adapters/http/client_key.h"
#include "adapters/http/credentials.h"

namespace tcpperf::adapters::http {

// bcrypt is slow on purpose: some 60 ms of CPU time at a cost of 10. So
// - an answer is remembered: who scrapes every second costs one check in all,
// - checks wait in a queue for each client, and the queues take turns: first those of clients whose last password was
//   right, then those never seen, then those that have been wrong lately,
// - wrong passwords of clients that were not known for them get half a CPU in the long run, and those of clients that
//   have been wrong lately a tenth, however many are tried; right ones are free,
// - where a queue is full, its oldest check gives way to the new one, and where all places are taken, that of a client
//   of the last kind, or else of the longest queue.
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

  // The bcrypt hash of each user by name; never empty.
  using Users = std::map<std::string, std::string, std::less<>>;

  // The thread begins with the first check. Without random numbers, which the kernel always has, all are wrong.
  explicit Passwords(Done done);
  ~Passwords() { stop(); }
  Passwords(const Passwords&) = delete;
  Passwords& operator=(const Passwords&) = delete;

  // A wrong answer takes as much work as the highest cost among `users` asks for, whether there is such a user or not:
  // time tells nobody which names there are. Thread-safe. "busy" after stop().
  Answer check(void* who, const ClientKey& client, const Credentials& credentials, const Users& users);

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
    bool known = false;    // whether there is such a user
    int highest_cost = 0;  // among the users
  };
  // The checks of one client.
  struct Queue {
    std::uint64_t turn = 0;  // the lowest is next
    std::deque<Job> jobs{};
  };
  using Queues = std::map<ClientKey, Queue>;
  // What is known of a client; the order is that of service.
  enum class Standing { kRightLately, kUnknown, kWrongLately };
  // CPU time of wrong passwords that is not paid off yet.
  struct Debt {
    int share = 1;  // of a CPU: one part in so many
    std::chrono::nanoseconds owed{0};

    [[nodiscard]] std::chrono::nanoseconds wait() const;
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
  static bool is_right(const Job& job);
  [[nodiscard]] Standing standing_of(const ClientKey& client) const;
  void note(const ClientKey& client, bool right);
  [[nodiscard]] Digest digest_of(const Credentials& credentials, const std::string& hash, bool known) const;
  Job* find_job(const Digest& digest);
  bool enqueue(Job job, std::vector<void*>& gave_way);
  bool make_room_for(const ClientKey& client, std::vector<void*>& gave_way);
  void drop_oldest(Queues::iterator queue, std::vector<void*>& gave_way);
  // The queue whose turn it is; how long until its budget allows a check.
  struct Next {
    Queues::iterator queue;
    std::chrono::nanoseconds wait{0};
  };
  Next next();
  void pay(std::chrono::nanoseconds passed);
  void finish(const Job& job, Standing standing, bool right, std::chrono::nanoseconds took);

  Digest secret_{};  // never changes
  bool usable_ = false;
  const Done done_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Queues queues_;  // none is empty
  std::size_t waiting_ = 0;
  std::uint64_t turn_ = 0;
  Job* running_ = nullptr;  // the one that is checked now
  Memory right_{.most = 256};
  Memory wrong_{.most = 256};
  RecentClients right_lately_{4096, 4096};
  RecentClients wrong_lately_{4096, 4096};
  Debt unknown_debt_{.share = 2};
  Debt wrong_debt_{.share = 10};
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace tcpperf::adapters::http
