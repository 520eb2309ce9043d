// SPDX-License-Identifier: MIT
// Binary floating-point formats as rows of numbers, and what can be said of a value from
// its bits alone.  A value is carried as its bit pattern in the low bits of a uint64_t.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace karat {

// Codes are those of karat_plugin.h.
enum class Dtype : std::int32_t { f64 = 1, f32 = 2, f16 = 3, bf16 = 4 };

using Bits = std::uint64_t;

struct Format {
  Dtype dtype;
  std::string_view name;
  int width;      // bits of storage
  int precision;  // p: significand bits, the hidden one included
  int e_min;      // exponent of the smallest normal number, 2^e_min
  int e_max;      // exponent of the largest finite binade
  Dtype compute;  // the type that attributes are exact in, and sums are expected in

  int bytes() const { return width / 8; }
  int fraction_bits() const { return precision - 1; }
  Bits sign_mask() const { return Bits{1} << (width - 1); }
  Bits mask() const { return sign_mask() | (sign_mask() - 1); }
  Bits fraction_mask() const { return (Bits{1} << fraction_bits()) - 1; }
  Bits infinity() const { return (sign_mask() - 1) & ~fraction_mask(); }
  Bits max_finite() const { return infinity() - 1; }
  Bits min_normal() const { return fraction_mask() + 1; }
  Bits quiet_nan() const { return infinity() | (Bits{1} << (fraction_bits() - 1)); }
  int quantum() const { return e_min - fraction_bits(); }  // exponent of the smallest subnormal
};

std::span<const Format> formats();
const Format& format(Dtype dtype);
const Format* find_format(std::string_view name);  // nullptr if there is none

inline Bits magnitude(const Format& f, Bits b) { return b & (f.sign_mask() - 1); }
inline bool is_negative(const Format& f, Bits b) { return (b & f.sign_mask()) != 0; }
inline bool is_nan(const Format& f, Bits b) { return magnitude(f, b) > f.infinity(); }
inline bool is_infinite(const Format& f, Bits b) { return magnitude(f, b) == f.infinity(); }
inline bool is_finite(const Format& f, Bits b) { return magnitude(f, b) < f.infinity(); }
inline bool is_zero(const Format& f, Bits b) { return magnitude(f, b) == 0; }
inline bool is_subnormal(const Format& f, Bits b) {
  return !is_zero(f, b) && magnitude(f, b) < f.min_normal();
}

// Position of a number on the line of representable values: both zeros 0, the smallest
// subnormal 1, infinity last; NaN has none.
std::int64_t ordinal(const Format& f, Bits b);
Bits from_ordinal(const Format& f, std::int64_t n);  // +0 for 0

// The exact value: every format here fits into a double.
double to_double(const Format& f, Bits b);
// The bits of d in the format; nullopt if it is not representable there (NaN gives quiet_nan).
std::optional<Bits> exact_bits(const Format& f, double d);

// Hexadecimal float that C reads back to the same bits; "inf"; "nan", or "nan:0x7fc00001"
// for a NaN other than the positive default one.
std::string to_text(const Format& f, Bits b);

}  // namespace karat
