// The checks of passwords: with real hashes, of low cost where the cost does not matter.
#include "adapters/http/passwords.h"

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <crypt.h>

#include "catch.h"

using namespace tcpperf::adapters::http;
using Answer = Passwords::Answer;

namespace {

std::string hash_of(const std::string& password, int cost) {
  const std::string salt =
      std::string("$2y$") + (cost < 10 ? "0" : "") + std::to_string(cost) + "$abcdefghijklmnopqrstuu";
  crypt_data data{};
  return crypt_r(password.c_str(), salt.c_str(), &data);
}

ClientKey client(std::uint8_t number) {
  return {0x20, 0x01, 0x0d, 0xb8, number};
}

// The answers in the order in which they come.
class Checker {
 public:
  // Asks; the answer has `number`.
  void ask(std::size_t number, const ClientKey& from, const std::string& user, const std::string& password,
           const Passwords::Users& users) {
    const Answer answer = passwords_.check(&tickets_[number], from, {user, password}, users);
    if (answer != Answer::kAsked) {
      note(&tickets_[number], answer);
    }
  }
  std::vector<std::pair<std::size_t, Answer>> wait_for(std::size_t answers) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return answers_.size() >= answers; });
    return answers_;
  }
  Answer answer_of(const ClientKey& from, const std::string& user, const std::string& password,
                   const Passwords::Users& users) {
    const std::size_t before = wait_for(0).size();
    ask(before, from, user, password, users);
    return wait_for(before + 1).at(before).second;
  }

 private:
  void note(void* who, Answer answer) {
    {
      const std::lock_guard lock(mutex_);
      answers_.emplace_back(static_cast<std::size_t>(static_cast<char*>(who) - tickets_), answer);
    }
    changed_.notify_one();
  }

  char tickets_[256]{};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::size_t, Answer>> answers_;
  Passwords passwords_{[this](void* who, Answer answer) { note(who, answer); }};
};

std::clock_t work_of(Checker& checker, const std::string& user, const Passwords::Users& users) {
  static int tried = 0;
  const std::clock_t before = std::clock();
  CHECK(checker.answer_of(client(0), user, "wrong " + std::to_string(++tried), users) == Answer::kWrong);
  return std::clock() - before;
}

}  // namespace

TEST_CASE("a password that was wrong for want of such a user is right as soon as there is one", "[http]") {
  Checker checker;
  const std::string hash = hash_of("secret", 4);
  CHECK(checker.answer_of(client(1), "prometheus", "secret", {{"prom", hash}}) == Answer::kWrong);
  CHECK(checker.answer_of(client(1), "prometheus", "secret", {{"prometheus", hash}}) == Answer::kRight);
  CHECK(checker.answer_of(client(1), "prometheus", "secret", {{"prom", hash}}) == Answer::kWrong);
}

TEST_CASE("users of one address that come at once are checked one after the other", "[http]") {
  Checker checker;
  Passwords::Users users;
  for (int i = 0; i < 8; ++i) {
    users["user" + std::to_string(i)] = hash_of("secret", 8);
  }
  std::size_t number = 0;
  for (const auto& [name, hash] : users) {
    checker.ask(number++, client(1), name, "secret", users);
  }
  for (const auto& [who, answer] : checker.wait_for(users.size())) {
    CHECK(answer == Answer::kRight);
  }
}

TEST_CASE("a wrong password is as much work whatever its user's cost, and without such a user", "[http]") {
  Checker checker;
  const Passwords::Users users = {{"cheap", hash_of("a", 4)}, {"dear", hash_of("a", 10)}};
  work_of(checker, "dear", users);  // what happens once
  const auto dear = static_cast<double>(work_of(checker, "dear", users));
  for (const char* user : {"cheap", "nobody"}) {
    INFO(user);
    const auto work = static_cast<double>(work_of(checker, user, users));
    CHECK(work > dear / 3);  // a 64th without the work that is added
    CHECK(work < dear * 3);
  }
}

TEST_CASE("who has not been wrong is checked before who has, and who was right before who is new", "[http]") {
  Checker checker;
  const Passwords::Users users = {{"ann", hash_of("a", 4)}, {"bob", hash_of("b", 4)}, {"dear", hash_of("c", 12)}};
  CHECK(checker.answer_of(client(1), "bob", "b", users) == Answer::kRight);
  const Passwords::Users others = {{"ann", users.at("ann")}, {"bob", hash_of("x", 4)}};
  CHECK(checker.answer_of(client(9), "bob", "x", others) == Answer::kRight);
  const Passwords::Users cheap = {{"ann", users.at("ann")}};
  for (std::uint8_t i = 2; i < 5; ++i) {
    CHECK(checker.answer_of(client(i), "ann", "no", cheap) == Answer::kWrong);
  }
  checker.ask(10, client(9), "dear", "c", users);  // takes long enough for the others to come
  for (std::uint8_t i = 2; i < 5; ++i) {
    checker.ask(10U + i, client(i), "ann", "wrong " + std::to_string(i), cheap);
  }
  checker.ask(20, client(6), "ann", "a", cheap);
  checker.ask(21, client(1), "ann", "never tried", cheap);
  const auto answers = checker.wait_for(11);
  REQUIRE(answers.size() == 11);
  CHECK(answers[5] == std::pair<std::size_t, Answer>(10, Answer::kRight));
  CHECK(answers[6] == std::pair<std::size_t, Answer>(21, Answer::kWrong));
  CHECK(answers[7] == std::pair<std::size_t, Answer>(20, Answer::kRight));
  CHECK(answers[10].second == Answer::kWrong);
}

TEST_CASE("of too many checks of one client the oldest gives way, and others do not notice", "[http]") {
  Checker checker;
  const Passwords::Users users = {{"ann", hash_of("a", 4)}, {"dear", hash_of("c", 12)}};
  const Passwords::Users cheap = {{"ann", users.at("ann")}};
  checker.ask(0, client(1), "dear", "c", users);
  checker.ask(1, client(2), "ann", "a", cheap);
  for (std::size_t i = 0; i < 10; ++i) {
    checker.ask(2 + i, client(3), "ann", "wrong " + std::to_string(i), cheap);
  }
  const auto answers = checker.wait_for(12);
  REQUIRE(answers.size() == 12);
  const auto answer_of = [&](std::size_t number) {
    return std::find_if(answers.begin(), answers.end(), [&](const auto& each) { return each.first == number; })->second;
  };
  CHECK(answer_of(1) == Answer::kRight);
  CHECK(answer_of(2) == Answer::kBusy);
  CHECK(answer_of(3) == Answer::kBusy);
  CHECK(answer_of(4) == Answer::kWrong);
  CHECK(answer_of(11) == Answer::kWrong);
}

TEST_CASE("where all places are taken the last of those who were wrong gives way to who was not", "[http]") {
  Checker checker;
  const Passwords::Users users = {{"ann", hash_of("a", 4)}, {"dear", hash_of("c", 12)}};
  const Passwords::Users cheap = {{"ann", users.at("ann")}};
  for (std::uint8_t i = 10; i < 74; ++i) {
    CHECK(checker.answer_of(client(i), "ann", "no", cheap) == Answer::kWrong);
  }
  checker.ask(100, client(1), "dear", "c", users);
  for (std::uint8_t i = 10; i < 74; ++i) {
    checker.ask(100U + i, client(i), "ann", "wrong " + std::to_string(i), cheap);
  }
  checker.ask(200, client(2), "ann", "a", cheap);
  const auto answers = checker.wait_for(64 + 1 + 64 + 1);
  CHECK(answers.size() == 130);
  const auto has = [&](std::size_t number, Answer answer) {
    return std::count(answers.begin(), answers.end(), std::pair(number, answer)) == 1;
  };
  CHECK(has(110, Answer::kBusy));
  CHECK(has(200, Answer::kRight));
}
