// SPDX-License-Identifier: MIT
// One rounding from a real number of any precision to a format, in integers.
#pragma once

#include <cstdint>
#include <optional>

#include "reference/numbers/format.hpp"

namespace karat {

// A real number as far as rounding to 64 bits or fewer needs it:
//   ±(significand + r) · 2^exponent,  0 <= r < 1, and r > 0 exactly if `more`.
struct Truncated {
  enum class Kind { finite, infinite, nan } kind = Kind::finite;
  bool negative = false;
  bool more = false;              // something non-zero was cut off
  std::uint64_t significand = 0;  // top bit set, or 0 for the value 0 (then more is false)
  std::int64_t exponent = 0;
};

Truncated truncated(double d);

// Round to nearest, ties to even; subnormals and overflow to infinity included.
Bits round_nearest(const Format& f, const Truncated& t);
// Towards −∞ and +∞.  Above the largest finite number round_down gives that number.
Bits round_down(const Format& f, const Truncated& t);
Bits round_up(const Format& f, const Truncated& t);

// Text → bits with one rounding: hexadecimal or decimal floats, "inf", "-inf", "nan",
// "nan:0x7fc00001".  nullopt if the text is none of these in full.
std::optional<Bits> parse(const Format& f, std::string_view text);

}  // namespace karat
