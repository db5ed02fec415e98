// From a table of slots to label sets.
#include "core/groups/series.h"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.h"

using namespace tcpperf::core;

namespace {

class NoNames final : public HostNames {
 public:
  [[nodiscard]] std::optional<std::string> cgroup_path(std::uint64_t /*id*/) const override { return std::nullopt; }
};

tcpperf_group group(const std::string& process, std::uint64_t cgroup) {
  tcpperf_group result{};
  std::copy(process.begin(), process.end(), result.key.process);
  result.key.cgroup = cgroup;
  result.resolved = 1;
  return result;
}

}  // namespace

TEST_CASE("each slot in use is a series, and other is always one", "[groups]") {
  std::vector<tcpperf_group> table{{}, group("nginx", 0), group("free", 0), group("curl", 0)};
  table[2].resolved = 0;
  const GroupSet set = make_group_set({Dimension::kProcess}, table, {}, NoNames());
  CHECK(set.by == GroupBy{Dimension::kProcess});
  CHECK(set.series == std::vector<GroupSeries>{{{"curl"}, {3}}, {{"nginx"}, {1}}, {{"other"}, {0}}});
  CHECK(make_group_set({Dimension::kPid}, {}, {}, NoNames()).series == std::vector<GroupSeries>{{{"other"}, {0}}});
}

TEST_CASE("slots whose labels are alike are one series", "[groups]") {
  const std::vector<tcpperf_group> table{{}, group("", 11), group("", 12)};
  const GroupSet set = make_group_set({Dimension::kCgroup}, table, {}, NoNames());
  CHECK(set.series == std::vector<GroupSeries>{{{"other"}, {0}}, {{"unknown"}, {1, 2}}});
}

TEST_CASE("a group that is called other is other", "[groups]") {
  const std::vector<tcpperf_group> table{{}, group("other", 0)};
  CHECK(make_group_set({Dimension::kProcess}, table, {}, NoNames()).series ==
        std::vector<GroupSeries>{{{"other"}, {0, 1}}});
}

TEST_CASE("what is not grouped is slot 0 without labels", "[groups]") {
  CHECK(not_grouped().by.empty());
  CHECK(not_grouped().series == std::vector<GroupSeries>{{{}, {0}}});
  CHECK(make_group_set({}, {}, {}, NoNames()) == not_grouped());
}
