#include "app/manual.h"

#include <vector>

#include "app/version.h"
#include "config/reference.h"
#include "config/web.h"
#include "core/docs/roff.h"

namespace tcpperf::app {
namespace {

using core::ManualPage;
using core::roff_bold;
using core::roff_italic;

const std::string kSource = std::string("tcpperf ") + kVersion;

std::string term(const OptionRow& option) {
  std::string out = option.short_name.empty() ? "" : roff_bold(option.short_name) + ", ";
  out += roff_bold(option.name);
  return option.value.empty() ? out : out + "=" + roff_italic(option.value);
}

void options_section(ManualPage& page, std::span<const OptionRow> options, bool commands) {
  for (const OptionRow& option : options) {
    if (option.command == commands) {
      const std::string fallback = option.fallback.empty() ? "" : " Default: `" + option.fallback + "`.";
      page.entry(term(option), option.meaning + "." + fallback);
    }
  }
}

std::string properties(const config::KeyRow& row) {
  if (row.fallback.empty() && row.range.empty()) {
    return row.meaning;
  }
  std::string out = row.meaning + (row.meaning.empty() ? "" : " ") + "(" + row.type;
  out += row.range.empty() ? "" : ": " + row.range;
  return out + (row.fallback == "required" ? "; required)" : "; default: " + row.fallback + ")");
}

}  // namespace

std::string daemon_manual(std::span<const OptionRow> options) {
  ManualPage page("tcpperfd", 8, kSource, "TCP performance exporter for Prometheus");
  page.section("SYNOPSIS");
  page.paragraph("`tcpperfd` [options]");
  page.section("DESCRIPTION");
  page.paragraph(
      "`tcpperfd` measures every TCP connection of this host, containers included, with eBPF programs in the kernel. "
      "It "
      "serves the numbers to Prometheus, judges alert rules, and sends what fires to the system log, a file or a "
      "webhook. What it measures and judges stands in its configuration, see `tcpperf.yaml`(5).");
  page.paragraph(
      "It needs the capabilities `CAP_BPF` and `CAP_PERFMON`, and a kernel with type information "
      "(/sys/kernel/btf/vmlinux). The systemd unit `tcpperf.service` runs it as the user `tcpperf` with just these.");
  page.section("OPTIONS");
  options_section(page, options, /*commands=*/false);
  page.paragraph("Instead of running, at most one of these:");
  options_section(page, options, /*commands=*/true);
  page.section("PAGES");
  page.entry(roff_bold("/metrics"),
             "The metrics, as Prometheus text, OpenMetrics or protobuf. `--docs.metrics` explains them.");
  page.entry(roff_bold("/probes"), "What measures on this host, and why something does not (JSON).");
  page.entry(roff_bold("/-/healthy") + ", " + roff_bold("/-/ready"), "200 while the daemon runs, and when it serves.");
  page.section("SIGNALS");
  page.paragraph(kSignals);
  page.section("EXIT STATUS");
  page.paragraph(kExitCodes);
  page.section("FILES");
  page.entry(roff_bold("/etc/tcpperf/tcpperf.yaml"), "The configuration.");
  page.entry(roff_bold("/etc/tcpperf/rules/*.yaml"), "The alert rules that come with tcpperf, and your own.");
  page.entry(
      roff_bold("/etc/default/tcpperf") + ", " + roff_bold("/etc/sysconfig/tcpperf"),
      "More options for the systemd unit, as `ARGS=\"...\"`: the one on Debian, the other on rpm distributions.");
  page.entry(roff_bold("/usr/share/tcpperf/dashboards/tcpperf.json"), "A dashboard for Grafana.");
  page.section("EXAMPLES");
  page.example(kExamples);
  page.section("SEE ALSO");
  page.paragraph("`tcpperf.yaml`(5), `systemctl`(1), `prometheus`(1), `ss`(8)");
  return page.text();
}

std::string configuration_manual(core::ProbeTable probes) {
  ManualPage page("tcpperf.yaml", 5, kSource, "configuration of the TCP performance exporter tcpperfd");
  page.section("DESCRIPTION");
  page.paragraph(
      "What `tcpperfd`(8) measures, judges and tells. It is one YAML file, by default /etc/tcpperf/tcpperf.yaml, and "
      "is checked as a whole, when the daemon starts and again on SIGHUP: a file with a mistake changes nothing. "
      "Unknown keys are mistakes. All keys are optional but those that are called required.");
  page.paragraph(
      "Dots stand for levels of the file: `groups.idle_after` is the key `idle_after` in the map `groups`. "
      "`alerts[]` is each entry of the list `alerts`. Durations are whole numbers with a unit: 500ms, 5s, 1m30s, 2h.");
  page.paragraph(
      "TLS, users and limits of the server are in a file of their own, which `--web.config.file` names, in the format "
      "that exporters of Prometheus share.");
  page.section("KEYS");
  for (const config::KeyRow& row : config::key_rows(probes)) {
    page.entry(roff_bold(row.path), properties(row));
  }
  page.section("KEYS OF THE WEB CONFIGURATION");
  for (const config::KeyRow& row : config::web_key_rows()) {
    page.entry(roff_bold(row.path), properties(row));
  }
  page.section("EXAMPLE");
  page.paragraph("Connections told apart by service, one probe off, and an alert of one's own:");
  page.example(
      "group_by: [service_port, role]\n"
      "probes:\n"
      "  congestion:\n"
      "    enabled: false\n"
      "alerts:\n"
      "  - name: slow_handshakes\n"
      "    condition: handshake_client_p99 > 500ms\n"
      "    for: 5m\n");
  page.paragraph("Is the file good, and which signals may conditions use?");
  page.example("tcpperfd --config.check --config.file=new.yaml\ntcpperfd --probes.list\n");
  page.section("SEE ALSO");
  page.paragraph("`tcpperfd`(8)");
  return page.text();
}

}  // namespace tcpperf::app
