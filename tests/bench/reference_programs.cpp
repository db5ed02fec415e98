// Attaches programs that measure nothing to the event of the hot path (tcp_probe), says "ready", and detaches them when
// its standard input ends. Root.
//
// usage: tcpperf_bench_programs empty COUNT
//            they do nothing: what they cost is what any program costs there, being called and, where the kernel times
//            programs, being timed
//        tcpperf_bench_programs busy NANOSECONDS
//            one that waits so long: what time alone costs there
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include <bpf/libbpf.h>

extern "C" {
extern const std::byte tcpperf_empty_program_begin[];
extern const std::byte tcpperf_empty_program_end[];
extern const std::byte tcpperf_busy_program_begin[];
extern const std::byte tcpperf_busy_program_end[];
}

namespace {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Object = std::unique_ptr<bpf_object, CloseObject>;

struct Attached {
  Object object;
  std::unique_ptr<bpf_link, DestroyLink> link;
};

Object open(const std::byte* begin, const std::byte* end) {
  return Object(bpf_object__open_mem(begin, static_cast<std::size_t>(end - begin), nullptr));
}

// Of an object with one program. Without a link where that was not possible.
Attached attach(Object object) {
  Attached one{std::move(object), nullptr};
  if (one.object != nullptr && bpf_object__load(one.object.get()) == 0) {
    one.link.reset(bpf_program__attach(bpf_object__next_program(one.object.get(), nullptr)));
  }
  return one;
}

Object busy(std::uint64_t nanoseconds) {
  Object object = open(tcpperf_busy_program_begin, tcpperf_busy_program_end);
  bpf_map* constants = object == nullptr ? nullptr : bpf_object__find_map_by_name(object.get(), ".rodata");
  if (constants == nullptr || bpf_map__set_initial_value(constants, &nanoseconds, sizeof(nanoseconds)) != 0) {
    return nullptr;
  }
  return object;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc == 3 ? argv[1] : "";
  if (what != "empty" && what != "busy") {
    std::fprintf(stderr, "usage: tcpperf_bench_programs empty COUNT | busy NANOSECONDS\n");
    return 2;
  }
  const unsigned long long number = std::strtoull(argv[2], nullptr, 10);
  std::vector<Attached> programs;
  for (unsigned long long i = 0; i < (what == "empty" ? number : 1); ++i) {
    programs.push_back(
        attach(what == "empty" ? open(tcpperf_empty_program_begin, tcpperf_empty_program_end) : busy(number)));
    if (programs.back().link == nullptr) {
      std::perror("tcpperf_bench_programs: attach a program");
      return 1;
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
