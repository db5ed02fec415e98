#include <algorithm>
#include <string>
#include <utility>

#include "config/sections.h"
#include "config/units.h"
#include "core/net/cidr.h"

namespace tcpperf::config {
namespace {

// A list whose items are scalars, each given once. Found and parsed the same way for networks and ports.
template <typename E>
Key<Filter> list_key(std::string name, std::vector<E> Filter::*member, core::Result<E> (*parse)(std::string_view),
                     const std::string& type, std::string meaning) {
  return {.row = {std::move(name), "list of " + type, "empty", "at most " + std::to_string(kLongestList) + " entries",
                  std::move(meaning)},
          .read = [member, parse, type](ErrorLog& log, const Value& value, Filter& out) {
            std::vector<E>& list = out.*member;
            std::vector<int> lines;  // of the elements of `list`
            for (const Value& item : read_list(log, value)) {
              const auto text = read_scalar(log, item, "one of a list of " + type);
              if (!text) {
                continue;
              }
              const auto element = parse(*text);
              if (!element) {
                add_error(log, item, element.error().message);
                continue;
              }
              const auto same = std::find(list.begin(), list.end(), *element);
              if (same != list.end()) {
                const int line = lines[static_cast<std::size_t>(same - list.begin())];
                add_error(log, item, "duplicate entry; first given on line " + std::to_string(line));
                continue;
              }
              list.push_back(*element);
              lines.push_back(item.node->at.line);
            }
          }};
}

}  // namespace

Key<Config> filter_key() {
  const std::vector<Key<Filter>> keys = {
      list_key("local_ip", &Filter::local_ip, &core::parse_cidr, "networks",
               "Connections whose local address lies in one of these, such as 10.0.0.0/8 or 2001:db8::/32."),
      list_key("remote_ip", &Filter::remote_ip, &core::parse_cidr, "networks",
               "Connections whose remote address lies in one of these."),
      list_key("local_port", &Filter::local_port, &parse_port_range, "ports",
               "Connections whose local port is one of these; 8000-8100 is a range."),
      list_key("remote_port", &Filter::remote_port, &parse_port_range, "ports",
               "Connections whose remote port is one of these."),
  };
  return map_key("filter", &Config::filter, keys,
                 "Which connections are measured. Entries of a list are alternatives; all lists that are not empty "
                 "must match. Without entries every connection is measured.");
}

}  // namespace tcpperf::config
