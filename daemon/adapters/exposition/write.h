// The tokens that the formats are made of, appended to one string. Internal to this adapter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

namespace tcpperf::adapters::exposition {

void append_integer(std::string& out, std::uint64_t value);
void append_integer(std::string& out, std::int64_t value);

// A sample value: integers as integers, everything else with the fewest digits that read back as the same double;
// "NaN", "+Inf", "-Inf".
void append_number(std::string& out, double value);

// The form OpenMetrics demands in `le` and `quantile`, where the text is a label value and must always be the same:
// "0.001", "1.0", "1.048576e+06". An exponent from 10^6 on and below 10^-4.
void append_canonical_number(std::string& out, double value);

enum class Quotes { kPlain, kEscaped };

// Escapes backslash and line feed, and the quote where asked for. What is not UTF-8 becomes U+FFFD: a single bad byte
// would make Prometheus refuse the whole page.
void append_escaped(std::string& out, std::string_view text, Quotes quotes);

// a="x",b="y" without braces; empty without labels.
void append_labels(std::string& out, const std::vector<prometheus::ClientMetric::Label>& labels);

// The name of a counter without its _total; a name that does not end so, or is nothing else, as it is.
std::string_view without_total(std::string_view name);

// The unit at the end of a base name; empty when it has none, or not one of "seconds", "bytes" and "ratio".
std::string_view unit_of(std::string_view base_name);

// Room for a page of so many bytes. Memory that is reserved but not written costs nothing; growing a page of megabytes
// by doubling costs more than writing it. A very large one asks the kernel for huge memory pages, where it has them:
// the faults of 12,000 small ones took more time than the text.
void reserve_page(std::string& out, std::size_t bytes);

}  // namespace tcpperf::adapters::exposition
