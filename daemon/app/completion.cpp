#include <string_view>

#include "app/manual.h"

namespace tcpperf::app {
namespace {

// Precondition: no single quote in `text`.
std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string joined(std::span<const std::string> words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : " ") + word;
  }
  return out;
}

// The description of an option in an argument of zsh's _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '[' || c == ']' || c == ':' || c == '\\') {
      out += std::string("\\") + c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string zsh_value(const OptionRow& option) {
  if (option.value.empty()) {
    return "";
  }
  const std::string action = option.value == kFileValue ? "_files" : "(" + joined(option.choices) + ")";
  return ":" + option.value + ":" + (action == "()" ? "" : action);
}

}  // namespace

std::string bash_completion(std::span<const OptionRow> options) {
  std::string cases;
  std::string names;
  for (const OptionRow& option : options) {
    names += (names.empty() ? "" : " ") + option.name;
    if (option.value.empty()) {
      continue;
    }
    cases += "    " + option.name + ")\n";
    if (option.value == kFileValue) {
      cases += "      _filedir\n";
    } else if (!option.choices.empty()) {
      cases += "      mapfile -t COMPREPLY < <(compgen -W " + quoted(joined(option.choices)) + " -- \"$cur\")\n";
    }
    cases += "      return\n      ;;\n";
  }
  return "# bash completion for tcpperfd, as `tcpperfd --docs.completion=bash` prints it.\n"
         "_tcpperfd() {\n"
         "  local cur prev words cword split\n"
         "  _init_completion -s -n : || return\n"
         "  case $prev in\n" +
         cases +
         "  esac\n"
         "  $split && return\n"
         "  mapfile -t COMPREPLY < <(compgen -W " +
         quoted(names) +
         " -- \"$cur\")\n"
         "}\n"
         "complete -F _tcpperfd tcpperfd\n";
}

std::string zsh_completion(std::span<const OptionRow> options) {
  std::string out =
      "#compdef tcpperfd\n"
      "# zsh completion for tcpperfd, as `tcpperfd --docs.completion=zsh` prints it.\n"
      "_arguments -s";
  for (const OptionRow& option : options) {
    const std::string text = "[" + zsh_text(option.meaning) + "]";
    if (!option.short_name.empty()) {
      out += " \\\n  '" + option.short_name + text + "'";
    }
    out += " \\\n  '" + std::string(option.repeatable ? "*" : "") + option.name + (option.value.empty() ? "" : "=") +
           text + zsh_value(option) + "'";
  }
  return out + "\n";
}

}  // namespace tcpperf::app
