#include "adapters/http/passwords.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>

namespace tcpperf::adapters::http {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMostJobs = 64;
constexpr std::size_t kMostJobsOfClient = 8;
// So much CPU time may go into wrong passwords at once; then a share of the time.
constexpr std::chrono::seconds kMostDebt{1};
constexpr std::size_t kCostAt = 4;  // in a hash: two digits

int cost_of(const std::string& hash) {
  return (hash[kCostAt] - '0') * 10 + hash[kCostAt + 1] - '0';
}

std::string with_cost(std::string hash, int cost) {
  hash[kCostAt] = static_cast<char>('0' + cost / 10);
  hash[kCostAt + 1] = static_cast<char>('0' + cost % 10);
  return hash;
}

// In constant time, as far as the length is concerned: both are 60 characters.
bool fits(const std::string& password, const std::string& hash) {
  auto data = std::make_unique<crypt_data>();  // 32 KiB
  const char* made = crypt_r(password.c_str(), hash.c_str(), data.get());
  const bool right = made != nullptr && std::string_view(made).size() == hash.size() &&
                     gnutls_memcmp(made, hash.data(), hash.size()) == 0;
  gnutls_memset(data.get(), 0, sizeof(*data));
  return right;
}

}  // namespace

void Passwords::Memory::remember(const Digest& digest) {
  if (!answers.emplace(digest, true).second) {
    return;
  }
  order.push_back(digest);
  if (order.size() > most) {
    answers.erase(order.front());
    order.pop_front();
  }
}

Passwords::Passwords(Done done) : done_(std::move(done)) {
  usable_ = gnutls_rnd(GNUTLS_RND_KEY, secret_.data(), secret_.size()) == GNUTLS_E_SUCCESS;
}

void Passwords::stop() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Passwords::Digest Passwords::digest_of(const Credentials& credentials, const std::string& hash, bool known) const {
  // The lengths keep the parts apart.
  std::string text = std::string(known ? "user" : "nobody") + std::to_string(credentials.user.size()) + ":" +
                     credentials.user + std::to_string(hash.size()) + ":" + hash + credentials.password;
  Digest digest{};
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret_.data(), secret_.size(), text.data(), text.size(), digest.data());
  gnutls_memset(text.data(), 0, text.size());
  return digest;
}

Passwords::Answer Passwords::check(void* who, const ClientKey& client, const Credentials& credentials,
                                   const Users& users) {
  // crypt() reads a C string: what follows a zero would count for nothing.
  if (!usable_ || credentials.password.find('\0') != std::string::npos) {
    return Answer::kWrong;
  }
  const auto dearest = std::max_element(
      users.begin(), users.end(), [](const auto& a, const auto& b) { return cost_of(a.second) < cost_of(b.second); });
  const auto user = users.find(credentials.user);
  const bool known = user != users.end();
  const std::string& hash = known ? user->second : dearest->second;
  Job job{
      {who}, client, digest_of(credentials, hash, known), credentials.password, hash, known, cost_of(dearest->second)};
  std::unique_lock lock(mutex_);
  const bool is_right_one = right_.has(job.digest);
  if (is_right_one || wrong_.has(job.digest)) {
    note(client, is_right_one);
    return is_right_one ? Answer::kRight : Answer::kWrong;
  }
  if (Job* same = find_job(job.digest); same != nullptr && !ending_) {
    same->who.push_back(who);
    return Answer::kAsked;
  }
  std::vector<void*> gave_way;
  const bool queued = !ending_ && enqueue(std::move(job), gave_way);
  lock.unlock();
  for (void* each : gave_way) {
    done_(each, Answer::kBusy);
  }
  return queued ? Answer::kAsked : Answer::kBusy;
}

// False: it has no place. Without memory or a thread too; who gave way for it is told in any case.
bool Passwords::enqueue(Job job, std::vector<void*>& gave_way) {
  const ClientKey client = job.client;
  try {
    if (!make_room_for(client, gave_way)) {
      return false;
    }
    if (!thread_.joinable()) {
      thread_ = std::thread([this] { run(); });
    }
    const auto [queue, added] = queues_.try_emplace(client);
    if (added) {
      queue->second.turn = ++turn_;
    }
    queue->second.jobs.push_back(std::move(job));
  } catch (const std::exception&) {
    if (const auto queue = queues_.find(client); queue != queues_.end() && queue->second.jobs.empty()) {
      queues_.erase(queue);
    }
    return false;
  }
  ++waiting_;
  changed_.notify_one();
  return true;
}

Passwords::Standing Passwords::standing_of(const ClientKey& client) const {
  if (wrong_lately_.has(client)) {
    return Standing::kWrongLately;
  }
  return right_lately_.has(client) ? Standing::kRightLately : Standing::kUnknown;
}

void Passwords::note(const ClientKey& client, bool right) {
  (right ? right_lately_ : wrong_lately_).remember(client);
  (right ? wrong_lately_ : right_lately_).forget(client);
}

void Passwords::drop_oldest(Queues::iterator queue, std::vector<void*>& gave_way) {
  const Job& oldest = queue->second.jobs.front();
  gave_way.insert(gave_way.end(), oldest.who.begin(), oldest.who.end());
  queue->second.jobs.pop_front();
  --waiting_;
  if (queue->second.jobs.empty()) {
    queues_.erase(queue);
  }
}

// False: all that wait are to be served before this one.
bool Passwords::make_room_for(const ClientKey& client, std::vector<void*>& gave_way) {
  if (const auto own = queues_.find(client); own != queues_.end() && own->second.jobs.size() >= kMostJobsOfClient) {
    drop_oldest(own, gave_way);
  }
  if (waiting_ < kMostJobs) {
    return true;
  }
  const auto rank = [this](const Queues::value_type& queue) {
    return std::tuple(standing_of(queue.first), queue.second.jobs.size(), turn_ - queue.second.turn);
  };
  const auto last =
      std::max_element(queues_.begin(), queues_.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  if (standing_of(last->first) < standing_of(client)) {
    return false;
  }
  drop_oldest(last, gave_way);
  return true;
}

Passwords::Job* Passwords::find_job(const Digest& digest) {
  if (running_ != nullptr && running_->digest == digest) {
    return running_;
  }
  for (auto& [client, queue] : queues_) {
    for (Job& job : queue.jobs) {
      if (job.digest == digest) {
        return &job;
      }
    }
  }
  return nullptr;
}

nanoseconds Passwords::Debt::wait() const {
  return std::max(nanoseconds(0), (owed - kMostDebt) * share);
}

void Passwords::pay(nanoseconds passed) {
  for (Debt* debt : {&unknown_debt_, &wrong_debt_}) {
    debt->owed = std::max(nanoseconds(0), debt->owed - passed / debt->share);
  }
}

Passwords::Next Passwords::next() {
  const auto wait_of = [this](Standing standing) {
    switch (standing) {
      case Standing::kRightLately: return nanoseconds(0);
      case Standing::kUnknown: return unknown_debt_.wait();
      case Standing::kWrongLately: return wrong_debt_.wait();
    }
    return nanoseconds(0);
  };
  const auto rank = [&](const Queues::value_type& queue) {
    const Standing standing = standing_of(queue.first);
    return std::tuple(wait_of(standing), standing, queue.second.turn);
  };
  const auto first =
      std::min_element(queues_.begin(), queues_.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
  return {first, wait_of(standing_of(first->first))};
}

// A hash of a lower cost is followed by as much work as is missing: each step of the cost doubles it.
bool Passwords::is_right(const Job& job) {
  const bool right = fits(job.password, job.hash) && job.known;
  for (int cost = cost_of(job.hash); !right && cost < job.highest_cost; ++cost) {
    static_cast<void>(fits(job.password, with_cost(job.hash, cost)));
  }
  return right;
}

void Passwords::finish(const Job& job, Standing standing, bool right, nanoseconds took) {
  note(job.client, right);
  (right ? right_ : wrong_).remember(job.digest);
  if (right) {
    return;
  }
  (standing == Standing::kWrongLately ? wrong_debt_ : unknown_debt_).owed += took;
}

void Passwords::run() {
  pthread_setname_np(pthread_self(), "tcpperf-passwd");
  auto paid_at = steady_clock::now();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !queues_.empty(); });
    if (ending_) {
      break;
    }
    const auto now = steady_clock::now();
    pay(now - paid_at);
    paid_at = now;
    const Next chosen = next();
    if (chosen.wait.count() > 0) {
      changed_.wait_for(lock, chosen.wait);  // or until another comes, who may be in credit
      continue;
    }
    Queue& queue = chosen.queue->second;
    Job job = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    queue.turn = ++turn_;
    --waiting_;
    if (queue.jobs.empty()) {
      queues_.erase(chosen.queue);
    }
    const Standing standing = standing_of(job.client);
    running_ = &job;
    lock.unlock();
    const bool right = is_right(job);
    const auto took = steady_clock::now() - now;
    lock.lock();
    running_ = nullptr;
    finish(job, standing, right, took);
    lock.unlock();
    for (void* who : job.who) {
      done_(who, right ? Answer::kRight : Answer::kWrong);
    }
    lock.lock();
  }
  for (const auto& [client, queue] : queues_) {
    for (const Job& job : queue.jobs) {
      for (void* who : job.who) {
        done_(who, Answer::kWrong);
      }
    }
  }
  queues_.clear();
}

}  // namespace tcpperf::adapters::http
