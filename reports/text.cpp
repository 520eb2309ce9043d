// SPDX-License-Identifier: MIT
#include "reports/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace karat::reports {
namespace {

constexpr char32_t replacement = 0xFFFD;

// Decodes the code point at `text[i]` and moves i behind it; malformed bytes count as one
// replacement character each.
char32_t next(std::string_view text, std::size_t& i) {
  const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
  const unsigned char first = byte(i++);
  if (first < 0x80) return first;
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC2 || first > 0xF4 || i + more > text.size()) return replacement;
  char32_t c = first & (0x3Fu >> more);
  for (int k = 0; k < more; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) return replacement;
    c = c << 6 | (byte(i + k) & 0x3Fu);
  }
  constexpr std::array<char32_t, 4> least{0, 0x80, 0x800, 0x10000};
  if (c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return replacement;
  i += more;
  return c;
}

void append(std::string& out, char32_t c) {
  const auto put = [&](char32_t bits) { out += static_cast<char>(bits); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | c >> 6);
  } else {
    if (c < 0x10000) {
      put(0xE0 | c >> 12);
    } else {
      put(0xF0 | c >> 18);
      put(0x80 | (c >> 12 & 0x3F));
    }
    put(0x80 | (c >> 6 & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

// Unicode's C1 controls, bidirectional controls, invisible and separator characters,
// and noncharacters (which XML 1.0 forbids in part).
bool deceptive(char32_t c) {
  return (c >= 0x80 && c < 0xA0) || c == 0x061C || c == 0x00AD || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
         (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE || (c >= 0xE0000 && c <= 0xE0FFF);
}

int columns(char32_t c) {
  if (c >= 0x0300 && c <= 0x036F) return 0;
  const bool wide = (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
                    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
                    (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
                    (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
  return wide ? 2 : 1;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next(text, i);
    append(out, c < 0x20 ? 0x2400 + c : c == 0x7F ? char32_t{0x2421} : deceptive(c) ? replacement : c);
  }
  return out;
}

int columns(std::string_view text) {
  int sum = 0;
  for (std::size_t i = 0; i < text.size();) sum += columns(next(text, i));
  return sum;
}

std::string pad(std::string_view text, int width) {
  std::string out(text);
  if (const int missing = width - columns(text); missing > 0) out.append(missing, ' ');
  return out;
}

std::string shorten(std::string_view text, int width) {
  if (columns(text) <= width) return std::string(text);
  std::string out;
  int used = 0;
  for (std::size_t i = 0; i < text.size();) {
    const char32_t c = next(text, i);
    if ((used += columns(c)) > width - 1) break;
    append(out, c);
  }
  return out + "…";
}

std::vector<std::string> wrap(std::string_view text, int width) {
  if (width <= 0) return {std::string(text)};
  std::vector<std::string> lines;
  std::string line;
  int used = 0;
  const auto flush = [&] {
    lines.push_back(line);
    line.clear();
    used = 0;
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    begin = end + 1;
    if (word.empty()) continue;
    if (used > 0 && used + 1 + columns(word) > width) flush();
    if (used > 0) line += ' ', ++used;
    for (std::size_t i = 0; i < word.size();) {
      const char32_t c = next(word, i);
      if (used > 0 && used + columns(c) > width) flush();
      append(line, c);
      used += columns(c);
    }
  }
  if (!line.empty() || lines.empty()) flush();
  return lines;
}

std::string escape_html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string thousands(std::uint64_t n) {
  std::string digits = std::to_string(n);
  for (std::ptrdiff_t i = std::ssize(digits) - 3; i > 0; i -= 3) digits.insert(i, ",");
  return digits;
}

std::string plural(std::uint64_t n, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", thousands(n), n == 1 ? one : many);
}

namespace {

// 1.3e+06 → 1.3e6
std::string short_exponent(std::string text) {
  const auto e = text.find('e');
  if (e == std::string::npos) return text;
  const bool negative = text[e + 1] == '-';
  const auto digit = text.find_first_not_of('0', e + 2);
  return text.substr(0, e + 1) + (negative ? "-" : "") +
         (digit == std::string::npos ? "0" : text.substr(digit));
}

int side(double v, double boundary) { return v < boundary ? -1 : v > boundary ? 1 : 0; }

}  // namespace

std::string figure(double v, double boundary) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v < 0 ? "-inf" : "inf";
  const double size = std::fabs(v);
  std::string text = v == 0          ? "0"
                     : size >= 1e5   ? short_exponent(fmt::format("{:.1e}", v))
                     : size >= 100   ? fmt::format("{:.0f}", v)
                     : size >= 10    ? fmt::format("{:.1f}", v)
                     : size >= 0.005 ? fmt::format("{:.2f}", v)
                                     : short_exponent(fmt::format("{:.1e}", v));
  if (std::isnan(boundary)) return text;
  for (int digits = 3; digits <= 17; ++digits) {
    if (side(std::strtod(text.c_str(), nullptr), boundary) == side(v, boundary)) break;
    text = short_exponent(fmt::format("{:.{}g}", v, digits));
  }
  return text;
}

std::string percent(double share) {
  if (!(share >= 0 && share <= 1)) return figure(share);
  std::string text = share == 1 ? "100" : fmt::format("{:.2f}", share * 100);
  if (share < 1 && text == "100.00") text = "> 99.99";
  if (share > 0 && text == "0.00") text = "< 0.01";
  return text + " %";
}

std::string duration(double s) {
  if (!std::isfinite(s)) return figure(s);
  const double size = std::fabs(s);
  if (size >= 100 || size == 0) return fmt::format("{:.0f} s", s);
  if (size >= 1) return fmt::format("{:.2f} s", s);
  if (size >= 1e-3) return fmt::format("{:.3g} ms", s * 1e3);
  if (size >= 1e-6) return fmt::format("{:.3g} µs", s * 1e6);
  return fmt::format("{:.3g} ns", s * 1e9);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) value /= 1024, ++unit;
  return fmt::format("{:.4g} {}", value, units[unit]);
}

std::string join(const std::vector<std::string>& parts, std::string_view between) {
  return fmt::format("{}", fmt::join(parts, between));
}

}  // namespace karat::reports
