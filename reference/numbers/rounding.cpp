// SPDX-License-Identifier: MIT
#include "reference/numbers/rounding.hpp"

#include <mpfr.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string>

#include "reference/numbers/truncated_text.hpp"

namespace karat {
namespace {

enum class Direction { nearest, zero, away };

// |t| rounded to the format, as a magnitude.
Bits round_magnitude(const Format& f, const Truncated& t, Direction direction) {
  if (t.significand == 0) return 0;
  const std::int64_t top = t.exponent + 63;  // the value lies in [2^top, 2^(top+1))
  const Bits overflow = direction == Direction::zero ? f.max_finite() : f.infinity();
  if (top > f.e_max) return overflow;

  // `unit`: exponent of the last place of the result.  `drop`: how many bits of the
  // significand lie below it.
  const std::int64_t unit = (top < f.e_min ? f.e_min : top) - f.fraction_bits();
  const std::int64_t drop = unit - t.exponent;  // at least 64 − 53
  std::uint64_t kept = 0;
  bool half = false;     // the first dropped bit
  bool beyond = t.more;  // anything behind it
  if (drop > 64) {
    beyond = true;
  } else if (drop == 64) {
    half = (t.significand >> 63) != 0;
    beyond = beyond || (t.significand << 1) != 0;
  } else {
    kept = t.significand >> drop;
    half = ((t.significand >> (drop - 1)) & 1) != 0;
    beyond = beyond || (t.significand & ((std::uint64_t{1} << (drop - 1)) - 1)) != 0;
  }
  const bool up = direction == Direction::away      ? half || beyond
                  : direction == Direction::nearest ? half && (beyond || (kept & 1) != 0)
                                                    : false;
  // The encoding is monotone: adding one to the fraction carries into the exponent.
  const Bits base = top < f.e_min ? 0 : static_cast<Bits>(top - f.e_min) << f.fraction_bits();
  const Bits rounded = base + kept + (up ? 1 : 0);
  return rounded > f.max_finite() ? overflow : rounded;
}

Bits round(const Format& f, const Truncated& t, Direction direction) {
  if (t.kind == Truncated::Kind::nan) return f.quiet_nan();
  const Bits sign = t.negative ? f.sign_mask() : 0;
  if (t.kind == Truncated::Kind::infinite) return sign | f.infinity();
  return sign | round_magnitude(f, t, direction);
}

}  // namespace

Truncated truncated(double d) {
  Truncated t;
  t.negative = std::signbit(d);
  if (std::isnan(d)) {
    t.kind = Truncated::Kind::nan;
  } else if (std::isinf(d)) {
    t.kind = Truncated::Kind::infinite;
  } else if (d != 0) {
    int e = 0;
    t.significand = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::fabs(d), &e), 64));
    t.exponent = e - 64;
  }
  return t;
}

Bits round_nearest(const Format& f, const Truncated& t) { return round(f, t, Direction::nearest); }
Bits round_down(const Format& f, const Truncated& t) {
  return round(f, t, t.negative ? Direction::away : Direction::zero);
}
Bits round_up(const Format& f, const Truncated& t) {
  return round(f, t, t.negative ? Direction::zero : Direction::away);
}

std::optional<Bits> parse(const Format& f, std::string_view text) {
  if (text.empty() || text.size() > 4000) return std::nullopt;
  const bool negative = text.front() == '-';
  std::string_view rest = negative || text.front() == '+' ? text.substr(1) : text;
  const Bits sign = negative ? f.sign_mask() : 0;
  if (rest == "inf" || rest == "infinity") return f.infinity() | sign;
  if (rest == "nan") return f.quiet_nan() | sign;
  if (text.starts_with("nan:0x")) {
    const std::string digits(text.substr(6));
    if (digits.empty() || digits.size() > 16 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      return std::nullopt;
    const Bits bits = std::strtoull(digits.c_str(), nullptr, 16);
    if (bits > f.mask() || !is_nan(f, bits)) return std::nullopt;
    return bits;
  }
  // MPFR's own words for NaN and infinity are not ours.
  const bool hex = rest.starts_with("0x") || rest.starts_with("0X");
  if (rest.empty() || (std::isdigit(static_cast<unsigned char>(rest[0])) == 0 && rest[0] != '.'))
    return std::nullopt;
  const auto t = truncated_text(std::string(text), hex ? 16 : 10);
  if (!t) return std::nullopt;
  return round_nearest(f, *t);
}

}  // namespace karat
