// Alerts as entries of systemd's journal, read back field by field.
#include "adapters/sinks/journal_entry.h"

#include <fstream>
#include <limits>
#include <map>
#include <sstream>
#include <string>

#include "adapters/sinks/alert_text.h"
#include "adapters/sinks/journal_fields.h"
#include "adapters/sinks/sink_support.h"
#include "catch.h"
#include "core/signals/reader.h"
#include "probes/registry.h"

using tcpperf::adapters::journal_entry;
using tcpperf::adapters::kAlertFiringId;
using tcpperf::adapters::kAlertResolvedId;
using tcpperf::adapters::kLongestJournalValue;
using tcpperf::adapters::to_text;
using tcpperf::core::AlertEvent;
using tcpperf::core::Severity;
using tcpperf::sink_tests::firing;
using tcpperf::sink_tests::journal_fields;
using tcpperf::sink_tests::resolved;
using Fields = std::map<std::string, std::string>;

namespace {

std::string catalog() {
  const std::ifstream file(TCPPERF_CATALOG);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a firing alert is an entry with its line, its urgency and all that is known", "[sinks][journal]") {
  CHECK(journal_fields(journal_entry(firing())) == Fields{
                                                       {"MESSAGE", to_text(firing())},
                                                       {"MESSAGE_ID", std::string(kAlertFiringId)},
                                                       {"PRIORITY", "2"},
                                                       {"SYSLOG_FACILITY", "3"},
                                                       {"SYSLOG_IDENTIFIER", "tcpperf"},
                                                       {"TCPPERF_ALERT", "tail_latency"},
                                                       {"TCPPERF_STATE", "firing"},
                                                       {"TCPPERF_SEVERITY", "critical"},
                                                       {"TCPPERF_CONDITION", "rtt_p99 / rtt_p50 > 10"},
                                                       {"TCPPERF_VALUE", "rtt_p99=5.1ms rtt_p50=100us"},
                                                       {"TCPPERF_SIGNAL_RTT_P99", "0.0051"},
                                                       {"TCPPERF_SIGNAL_RTT_P50", "1e-04"},
                                                       {"TCPPERF_SAMPLES", "12345"},
                                                       {"TCPPERF_WINDOW_SECONDS", "60"},
                                                       {"TCPPERF_FOR_SECONDS", "30"},
                                                       {"TCPPERF_ACTIVE_SECONDS", "30"},
                                                       {"TCPPERF_REASON", ""},
                                                       {"TCPPERF_DIAGNOSIS", "Queues build up."},
                                                       {"TCPPERF_ACTION", "Look at the drops."},
                                                   });
}

TEST_CASE("a resolved alert has another message id, its reason, and is a notice", "[sinks][journal]") {
  const Fields fields = journal_fields(journal_entry(resolved()));
  CHECK(fields.at("MESSAGE") == to_text(resolved()));
  CHECK(fields.at("MESSAGE_ID") == kAlertResolvedId);
  CHECK(fields.at("PRIORITY") == "5");
  CHECK(fields.at("TCPPERF_STATE") == "resolved");
  CHECK(fields.at("TCPPERF_REASON") == "the condition is false");
  CHECK(fields.at("TCPPERF_ACTIVE_SECONDS") == "125.5");
}

TEST_CASE("severities become journal priorities", "[sinks][journal]") {
  const auto priority = [](Severity severity) {
    AlertEvent event = firing();
    event.rule.severity = severity;
    return journal_fields(journal_entry(event)).at("PRIORITY");
  };
  CHECK(priority(Severity::kCritical) == "2");
  CHECK(priority(Severity::kWarning) == "4");
  CHECK(priority(Severity::kInfo) == "5");
}

TEST_CASE("an alert whose signals have no value has no field for them", "[sinks][journal]") {
  AlertEvent event = resolved();
  event.signals.clear();
  const Fields fields = journal_fields(journal_entry(event));
  CHECK(fields.at("TCPPERF_VALUE").empty());
  CHECK(fields.count("TCPPERF_SIGNAL_RTT_P99") == 0);
}

TEST_CASE("values with line breaks, equals signs and any bytes arrive as they are", "[sinks][journal]") {
  AlertEvent event = firing();
  event.rule.diagnosis = "one\nTCPPERF_ALERT=forged\n";
  event.rule.action = "a=b=c \xff \xf0\x9f\x90\xa2";
  event.rule.condition = std::string("nul\0\n", 5);
  const Fields fields = journal_fields(journal_entry(event));
  CHECK(fields.at("TCPPERF_ALERT") == "tail_latency");
  CHECK(fields.at("TCPPERF_DIAGNOSIS") == event.rule.diagnosis);
  CHECK(fields.at("TCPPERF_ACTION") == event.rule.action);
  CHECK(fields.at("TCPPERF_CONDITION") == event.rule.condition);
}

TEST_CASE("values that are too long end in dots, and the entry fits in a datagram", "[sinks][journal]") {
  AlertEvent event = firing();
  const std::string longest(kLongestJournalValue, 'x');
  event.rule.condition = longest;
  event.rule.diagnosis = longest + "y";
  event.rule.action = std::string(1'000'000, 'z') + "\n";
  event.signals.assign(200, event.signals.front());
  for (std::size_t i = 0; i < event.signals.size(); ++i) {
    event.signals[i].name += std::to_string(i);
    event.signals[i].value = -std::numeric_limits<double>::denorm_min();
  }
  const std::string entry = journal_entry(event);
  const Fields fields = journal_fields(entry);
  CHECK(fields.at("TCPPERF_CONDITION") == longest);
  CHECK(fields.at("TCPPERF_DIAGNOSIS") == longest.substr(3) + "...");
  CHECK(fields.at("TCPPERF_ACTION").size() == kLongestJournalValue);
  CHECK(entry.size() < 65'536);  // a socket takes three times as much, if nobody has changed that
}

TEST_CASE("every signal there is has a name that a field can have", "[sinks][journal]") {
  for (const tcpperf::core::SignalSpec* signal : tcpperf::core::signals_of(tcpperf::probes::probe_table())) {
    AlertEvent event = firing();
    event.signals = {{std::string(signal->name), 1, tcpperf::core::Unit::kNone}};
    INFO(signal->name);
    CHECK_NOTHROW(journal_fields(journal_entry(event)));
  }
}

TEST_CASE("the message catalog explains both kinds of entries, with fields that they have", "[sinks][journal]") {
  const std::string text = catalog();
  for (const AlertEvent& event : {firing(), resolved()}) {
    const Fields fields = journal_fields(journal_entry(event));
    const std::size_t begin = text.find("-- " + fields.at("MESSAGE_ID") + "\n");
    REQUIRE(begin != std::string::npos);
    const std::string part = text.substr(begin, text.find("\n-- ", begin) - begin);
    CHECK(part.find("\nSubject: ") != std::string::npos);
    std::size_t named = 0;
    for (std::size_t at = part.find('@'); at != std::string::npos; at = part.find('@', at + 1), ++named) {
      const std::size_t end = part.find('@', at + 1);
      REQUIRE(end != std::string::npos);
      const std::string name = part.substr(at + 1, end - at - 1);
      INFO(name);
      CHECK(fields.count(name) == 1);
      at = end;
    }
    CHECK(named > 0);
  }
}
