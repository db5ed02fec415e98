// Prints the sample page in the format named by its argument, for programs that know these formats.
#include <cstdio>
#include <string>
#include <string_view>

#include "adapters/exposition/format.h"
#include "sample_page.h"

int main(int argc, char** argv) {
  using namespace tcpperf::adapters::exposition;
  const std::string_view name = argc == 2 ? argv[1] : "";
  if (name != "text" && name != "openmetrics") {
    std::fputs("usage: exposition_page text|openmetrics\n", stderr);
    return 2;
  }
  const Format format = name == "text" ? Format::kText : Format::kOpenMetrics;
  const std::string page = encoder(format).encode(tcpperf::tests::sample_page());
  return std::fwrite(page.data(), 1, page.size(), stdout) == page.size() ? 0 : 1;
}
