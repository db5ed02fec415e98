#include "adapters/http/passwords.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include <crypt.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <pthread.h>

namespace tcpperf::adapters::http {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMostJobs = 8;
constexpr std::size_t kMostWrongClients = 4096;
// So much CPU time may go into wrong passwords at once; then one part in kShare of the time.
constexpr std::chrono::seconds kMostDebt{1};
constexpr int kShare = 10;

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

Passwords::Passwords(Done done) : done_(std::move(done)), debt_at_(steady_clock::now()) {
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

Passwords::Digest Passwords::digest_of(const Credentials& credentials, const std::string& hash) const {
  // The lengths keep the parts apart.
  std::string text = std::to_string(credentials.user.size()) + ":" + credentials.user + std::to_string(hash.size()) +
                     ":" + hash + credentials.password;
  Digest digest{};
  gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret_.data(), secret_.size(), text.data(), text.size(), digest.data());
  gnutls_memset(text.data(), 0, text.size());
  return digest;
}

Passwords::Answer Passwords::check(void* who, const ClientKey& client, const Credentials& credentials,
                                   const std::string& hash, bool known) {
  // crypt() reads a C string: what follows a zero would count for nothing.
  if (!usable_ || credentials.password.find('\0') != std::string::npos) {
    return Answer::kWrong;
  }
  Job job{{who}, client, digest_of(credentials, hash), credentials.password, hash, known};
  std::unique_lock lock(mutex_);
  if (known && right_.has(job.digest)) {
    return Answer::kRight;
  }
  if (wrong_.has(job.digest)) {
    return Answer::kWrong;
  }
  if (Job* same = find_job(job.digest); same != nullptr && !ending_) {
    same->who.push_back(who);
    return Answer::kAsked;
  }
  const bool waits = (running_ != nullptr && running_->client == client) ||
                     std::any_of(jobs_.begin(), jobs_.end(), [&](const Job& other) { return other.client == client; });
  if (ending_ || waits) {
    return Answer::kBusy;
  }
  const std::vector<void*> gave_way = make_room_for(job);
  if (jobs_.size() >= kMostJobs) {
    return Answer::kBusy;
  }
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { run(); });
  }
  jobs_.push_back(std::move(job));
  changed_.notify_one();
  lock.unlock();
  for (void* each : gave_way) {
    done_(each, Answer::kBusy);
  }
  return Answer::kAsked;
}

std::vector<void*> Passwords::make_room_for(const Job& job) {
  if (jobs_.size() < kMostJobs || wrong_lately(job)) {
    return {};
  }
  const auto last = std::find_if(jobs_.rbegin(), jobs_.rend(), [this](const Job& each) { return wrong_lately(each); });
  if (last == jobs_.rend()) {
    return {};
  }
  std::vector<void*> gave_way = std::move(last->who);
  jobs_.erase(std::next(last).base());
  return gave_way;
}

Passwords::Job* Passwords::find_job(const Digest& digest) {
  if (running_ != nullptr && running_->digest == digest) {
    return running_;
  }
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& job) { return job.digest == digest; });
  return found == jobs_.end() ? nullptr : &*found;
}

std::deque<Passwords::Job>::iterator Passwords::next_job() {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [this](const Job& job) { return !wrong_lately(job); });
  return found == jobs_.end() ? jobs_.begin() : found;
}

void Passwords::finish(const Job& job, bool right, nanoseconds took) {
  if (right) {
    right_.remember(job.digest);
    wrong_lately_.erase(job.client);
    return;
  }
  wrong_.remember(job.digest);
  debt_ += took;
  wrong_lately_[job.client] = steady_clock::now();
  if (wrong_lately_.size() > kMostWrongClients) {
    wrong_lately_.erase(std::min_element(wrong_lately_.begin(), wrong_lately_.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
}

void Passwords::run() {
  pthread_setname_np(pthread_self(), "tcpperf-passwd");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !jobs_.empty(); });
    if (ending_) {
      break;
    }
    const auto now = steady_clock::now();
    debt_ = std::max(nanoseconds(0), debt_ - (now - debt_at_) / kShare);
    debt_at_ = now;
    if (debt_ > kMostDebt) {
      changed_.wait_for(lock, (debt_ - kMostDebt) * kShare, [this] { return ending_; });
      continue;
    }
    const auto next = next_job();
    Job job = std::move(*next);
    jobs_.erase(next);
    running_ = &job;
    lock.unlock();
    const bool right = fits(job.password, job.hash) && job.known;
    const auto took = steady_clock::now() - now;
    lock.lock();
    running_ = nullptr;
    finish(job, right, took);
    lock.unlock();
    for (void* who : job.who) {
      done_(who, right ? Answer::kRight : Answer::kWrong);
    }
    lock.lock();
  }
  for (const Job& job : jobs_) {
    for (void* who : job.who) {
      done_(who, Answer::kWrong);
    }
  }
  jobs_.clear();
}

}  // namespace tcpperf::adapters::http
