#include "config/reference.h"

#include "config/sections.h"
#include "core/docs/markdown.h"

namespace tcpperf::config {

std::vector<KeyRow> key_rows(core::ProbeTable probes) {
  return rows_of(root_keys({probes, {}}), "");
}

std::string config_reference(core::ProbeTable probes) {
  core::MarkdownTable table({"Key", "Type", "Default", "Range", "Meaning"});
  for (const KeyRow& row : key_rows(probes)) {
    table.add({core::markdown_code(row.path), row.type, row.fallback, row.range, row.meaning});
  }
  return table.text();
}

}  // namespace tcpperf::config
