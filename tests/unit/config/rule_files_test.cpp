// Files with rules of their own: found by name or pattern, read like the main file's, errors with the file's name.
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <unistd.h>

#include "support.h"

using namespace tcpperf;
using namespace std::chrono_literals;
using tcpperf::test::Errors;

namespace {

config::ParseOutcome parse_with(const std::string& text, const std::map<std::string, std::string>& files) {
  const auto find = [&](const std::string& pattern) -> core::Result<std::vector<config::RuleFile>> {
    if (pattern == "all") {
      std::vector<config::RuleFile> found;
      found.reserve(files.size());
      for (const auto& [path, content] : files) {
        found.push_back({path, content});
      }
      return found;
    }
    const auto file = files.find(pattern);
    if (file == files.end()) {
      return core::Error{"open " + pattern + ": No such file or directory"};
    }
    return std::vector<config::RuleFile>{{file->first, file->second}};
  };
  return config::parse_config(text, {test::small_probe_table(), test::check_condition, find});
}

Errors errors_with(const std::string& text, const std::map<std::string, std::string>& files) {
  const auto outcome = parse_with(text, files);
  CHECK_FALSE(outcome.config);
  Errors errors;
  errors.reserve(outcome.errors.size());
  for (const config::ConfigError& error : outcome.errors) {
    errors.push_back(config::format_error("main", error));
  }
  return errors;
}

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("tcpperf-rules-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_ / "rules");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }
  [[nodiscard]] core::Result<std::vector<config::RuleFile>> find(const std::string& pattern) const {
    return config::find_rule_files(path_ / "tcpperf.yaml", pattern);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("the alerts of rule files follow those of the main file, in the order of the files", "[config]") {
  const auto outcome = parse_with("rule_files: [z, all]\nalerts: [{name: m, condition: x}]\n",
                                  {{"a", "alerts: [{name: a, condition: y, window: 2m}]"},
                                   {"empty", ""},
                                   {"z", "alerts:\n  - {name: z, condition: x}\n"}});
  REQUIRE(outcome.config);
  const auto& alerts = outcome.config->alerts;
  REQUIRE(alerts.size() == 3);  // z once, though two entries name it
  CHECK(alerts[0].name == "m");
  CHECK(alerts[1].name == "z");
  CHECK(alerts[2].name == "a");
  CHECK(alerts[2].window == 2min);
  CHECK(outcome.config->rule_files == std::vector<std::string>{"z", "all"});
}

TEST_CASE("what is wrong in a rule file is told with its name and place, after what is wrong in the main file",
          "[config]") {
  CHECK(errors_with("rule_files: [a, b, none]\nalerts: [{name: m}]\n",
                    {{"a", "alerts:\n  - {name: a, condition: unknown}\ntick: 5s\n"}, {"b", "alerts: ["}}) ==
        Errors{"main:1:20: rule_files[2]: open none: No such file or directory",
               "main:2:10: alerts[0]: missing key 'condition'", "a:2:26: alerts[0].condition: unknown signal",
               "a:3:1: unknown key 'tick'; allowed: alerts", "b:1:1: not valid YAML: end of sequence flow not found"});
}

TEST_CASE("an alert's name is unique over all files", "[config]") {
  CHECK(errors_with("rule_files: [a, b]\nalerts:\n  - {name: m, condition: x}\n",
                    {{"a", "alerts: [{name: m, condition: x}, {name: a, condition: x}]"},
                     {"b", "alerts:\n  - {name: a, condition: x}\n"}}) ==
        Errors{"a:1:17: alerts[0].name: duplicate alert 'm'; first given in the main file, line 3",
               "b:2:12: alerts[0].name: duplicate alert 'a'; first given in a, line 1"});
}

TEST_CASE("the windows of rule files hold a tick of the main file", "[config]") {
  CHECK(errors_with("tick: 2m\nrule_files: a\n", {{"a", "alerts: [{name: a, condition: x, window: 1m}]"}}) ==
        Errors{"a:1:42: alerts[0].window: expected at least the tick (2m), found '1m'"});
  CHECK(errors_with("tick: never\nrule_files: a\n", {{"a", "alerts: [{name: a, condition: x, window: 1s}]"}}).size() ==
        1);
}

TEST_CASE("an entry is the path of a file or a pattern", "[config]") {
  CHECK(errors_with("rule_files: ['', {a: b}]", {}) ==
        Errors{"main:1:14: rule_files[0]: expected the path of a file or a pattern such as rules/*.yaml, found ''",
               "main:1:18: rule_files[1]: expected the path of a file, found a map"});
  CHECK(errors_with("rule_files: {a: b}", {}).size() == 1);
}

TEST_CASE("a pattern finds files beside the main file by name, and may find none", "[config]") {
  const Folder folder;
  folder.write("rules/b.yaml", "b");
  folder.write("rules/a.yaml", "a");
  folder.write("rules/a.txt", "t");
  const auto found = folder.find("rules/*.yaml");
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  CHECK((*found)[0].path == folder.path("rules/a.yaml"));
  CHECK((*found)[0].text == "a");
  CHECK((*found)[1].path == folder.path("rules/b.yaml"));
  CHECK(folder.find(folder.path("rules/[ab].yaml"))->size() == 2);
  CHECK(folder.find("rules/*.json")->empty());
  CHECK(folder.find("none/*.yaml")->empty());
}

TEST_CASE("a name without a wildcard must be a file", "[config]") {
  const Folder folder;
  folder.write("one.yaml", "1");
  CHECK(folder.find("one.yaml")->size() == 1);
  CHECK(folder.find(folder.path("one.yaml"))->size() == 1);
  CHECK(folder.find("none.yaml").error().message.find("No such file") != std::string::npos);
  CHECK_FALSE(folder.find("rules"));
  CHECK_FALSE(folder.find("rule*"));  // a folder is no file either
}
