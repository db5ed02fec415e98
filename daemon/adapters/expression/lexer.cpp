#include "adapters/expression/lexer.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace tcpperf::adapters {
namespace {

using core::Error;
using core::Result;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct Symbol {
  std::string_view text;
  TokenKind kind;
};

// Longer symbols before their prefixes.
constexpr std::array kSymbols = {
    Symbol{"<=", TokenKind::kComparison}, Symbol{">=", TokenKind::kComparison}, Symbol{"==", TokenKind::kComparison},
    Symbol{"!=", TokenKind::kComparison}, Symbol{"&&", TokenKind::kLogical},    Symbol{"||", TokenKind::kLogical},
    Symbol{"<", TokenKind::kComparison},  Symbol{">", TokenKind::kComparison},  Symbol{"!", TokenKind::kLogical},
    Symbol{"+", TokenKind::kArithmetic},  Symbol{"-", TokenKind::kArithmetic},  Symbol{"*", TokenKind::kArithmetic},
    Symbol{"/", TokenKind::kArithmetic},  Symbol{"^", TokenKind::kArithmetic},  Symbol{"(", TokenKind::kOpen},
    Symbol{")", TokenKind::kClose},       Symbol{",", TokenKind::kComma},
};
constexpr std::array<std::string_view, 6> kUnits = {"ns", "us", "ms", "s", "m", "%"};
constexpr std::array<std::string_view, 3> kFunctions = {"min", "max", "abs"};

template <typename Words>
bool contains(const Words& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::string printable(char c) {
  const auto byte = static_cast<std::uint8_t>(c);
  if (byte >= 0x20 && byte < 0x7f) {
    return std::string("'") + c + "'";
  }
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "byte 0x%02x", static_cast<unsigned>(byte));
  return text.data();
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    while (true) {
      skip_spaces();
      if (position_ == text_.size()) {
        return std::move(tokens_);
      }
      if (std::optional<Error> error = next()) {
        return std::move(*error);
      }
    }
  }

 private:
  char peek(std::size_t ahead = 0) const { return position_ + ahead < text_.size() ? text_[position_ + ahead] : '\0'; }

  void skip_spaces() {
    while (is_space(peek())) {
      ++position_;
    }
  }

  template <typename Predicate>
  void skip(Predicate predicate) {
    while (position_ < text_.size() && predicate(text_[position_])) {
      ++position_;
    }
  }

  Error fail(std::size_t at, const std::string& what) const { return {what + " at column " + std::to_string(at + 1)}; }

  std::optional<Error> next() {
    const char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
      return number();
    }
    if (is_letter(c)) {
      return word();
    }
    const auto* const symbol = std::find_if(kSymbols.begin(), kSymbols.end(), [&](const Symbol& candidate) {
      return text_.substr(position_).starts_with(candidate.text);
    });
    if (symbol != kSymbols.end()) {
      push(symbol->kind, position_, symbol->text.size());
      position_ += symbol->text.size();
      return std::nullopt;
    }
    switch (c) {
      case '=': return fail(position_, "'=' is not an operator (a comparison is '==')");
      case '&':
      case '|': return fail(position_, "a single " + printable(c) + " is not an operator ('&&' and '||' are)");
      case '%': return fail(position_, "'%' must follow a number directly");
      default: return fail(position_, "unexpected " + printable(c));
    }
  }

  std::optional<Error> number() {
    const std::size_t start = position_;
    skip(is_digit);
    if (peek() == '.') {
      ++position_;
      skip(is_digit);
    }
    if (peek() == 'e' || peek() == 'E') {
      const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
      if (is_digit(peek(1 + sign))) {
        position_ += 1 + sign;
        skip(is_digit);
      }
    }
    push(TokenKind::kNumber, start, position_ - start);

    const std::size_t unit = position_;
    if (peek() == '%') {
      ++position_;
    } else {
      skip([](char c) { return is_letter(c) || is_digit(c) || c == '.'; });
    }
    if (position_ == unit) {
      return std::nullopt;
    }
    const std::string_view text = text_.substr(unit, position_ - unit);
    if (!contains(kUnits, text)) {
      return fail(unit, "unknown unit '" + std::string(text) + "' (known: ns us ms s m %)");
    }
    push(TokenKind::kUnit, unit, text.size());
    return std::nullopt;
  }

  std::optional<Error> word() {
    const std::size_t start = position_;
    skip([](char c) { return is_letter(c) || is_digit(c); });
    const std::string_view text = text_.substr(start, position_ - start);
    if (!tokens_.empty() && tokens_.back().kind == TokenKind::kNumber && contains(kUnits, text)) {
      return fail(start, "the unit '" + std::string(text) + "' must follow its number directly");
    }
    skip_spaces();
    push(peek() == '(' && contains(kFunctions, text) ? TokenKind::kFunction : TokenKind::kIdentifier, start,
         text.size());
    return std::nullopt;
  }

  void push(TokenKind kind, std::size_t start, std::size_t size) {
    tokens_.push_back({kind, text_.substr(start, size)});
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view condition) {
  return Lexer(condition).run();
}

Result<void> check_is_condition(const std::vector<Token>& tokens) {
  bool decides = false;
  std::vector<bool> compared = {false};  // per open parenthesis: a comparison since it, or since && || or a comma
  for (const Token& token : tokens) {
    switch (token.kind) {
      case TokenKind::kOpen: compared.push_back(false); break;
      case TokenKind::kClose:
        if (compared.size() > 1) {
          compared.pop_back();
        }
        break;
      case TokenKind::kComma: compared.back() = false; break;
      case TokenKind::kLogical:
        decides = true;
        compared.back() = compared.back() && token.text == "!";
        break;
      case TokenKind::kComparison:
        if (compared.back()) {
          return Error{"comparisons cannot be chained: '" + std::string(token.text) +
                       "' would compare a truth value; join two comparisons with '&&'"};
        }
        decides = true;
        compared.back() = true;
        break;
      case TokenKind::kNumber:
      case TokenKind::kUnit:
      case TokenKind::kIdentifier:
      case TokenKind::kFunction:
      case TokenKind::kArithmetic: break;
    }
  }
  if (!decides) {
    return Error{"no comparison: a plain number would be true whenever it is not 0; compare it, as in 'rtt_p99 > 5ms'"};
  }
  return {};
}

}  // namespace tcpperf::adapters
