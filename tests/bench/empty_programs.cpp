// Attaches COUNT programs that do nothing to the event of the hot path (tcp_probe), says "ready", and detaches them
// when its standard input ends. What they cost is what any program costs there: being called, and, where the kernel
// times programs, being timed. Root.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <bpf/libbpf.h>

extern "C" {
extern const std::byte tcpperf_empty_program_begin[];
extern const std::byte tcpperf_empty_program_end[];
}

namespace {

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

struct Attached {
  std::unique_ptr<bpf_object, CloseObject> object;
  std::unique_ptr<bpf_link, DestroyLink> link;
};

Attached attach_one() {
  Attached one;
  const auto size = static_cast<std::size_t>(tcpperf_empty_program_end - tcpperf_empty_program_begin);
  one.object.reset(bpf_object__open_mem(tcpperf_empty_program_begin, size, nullptr));
  if (one.object != nullptr && bpf_object__load(one.object.get()) == 0) {
    one.link.reset(bpf_program__attach(bpf_object__find_program_by_name(one.object.get(), "empty")));
  }
  return one;
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long count = argc == 2 ? std::strtoul(argv[1], nullptr, 10) : 1;
  std::vector<Attached> programs;
  for (unsigned long i = 0; i < count; ++i) {
    programs.push_back(attach_one());
    if (programs.back().link == nullptr) {
      std::perror("tcpperf_bench_empty: attach an empty program");
      return 1;
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
