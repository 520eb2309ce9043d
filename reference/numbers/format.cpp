// SPDX-License-Identifier: MIT
#include "reference/numbers/format.hpp"

#include <array>
#include <bit>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <limits>

namespace karat {
namespace {

constexpr std::array<Format, 4> rows{{
    {Dtype::f64, "f64", 64, 53, -1022, 1023, Dtype::f64},
    {Dtype::f32, "f32", 32, 24, -126, 127, Dtype::f32},
    {Dtype::f16, "f16", 16, 11, -14, 15, Dtype::f32},
    {Dtype::bf16, "bf16", 16, 8, -126, 127, Dtype::f32},
}};

}  // namespace

std::span<const Format> formats() { return rows; }

const Format& format(Dtype dtype) {
  for (const Format& f : rows)
    if (f.dtype == dtype) return f;
  return rows[0];  // unreachable for the enumerators
}

const Format* find_format(std::string_view name) {
  for (const Format& f : rows)
    if (f.name == name) return &f;
  return nullptr;
}

std::int64_t ordinal(const Format& f, Bits b) {
  const auto m = static_cast<std::int64_t>(magnitude(f, b));
  return is_negative(f, b) ? -m : m;
}

Bits from_ordinal(const Format& f, std::int64_t n) {
  return n < 0 ? (static_cast<Bits>(-n) | f.sign_mask()) : static_cast<Bits>(n);
}

double to_double(const Format& f, Bits b) {
  if (f.dtype == Dtype::f32 && !is_nan(f, b)) return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(b)));
  if (f.dtype == Dtype::f64 && !is_nan(f, b)) return std::bit_cast<double>(b);
  const double sign = is_negative(f, b) ? -1.0 : 1.0;
  const Bits m = magnitude(f, b);
  if (m > f.infinity()) return std::copysign(std::numeric_limits<double>::quiet_NaN(), sign);
  if (m == f.infinity()) return sign * std::numeric_limits<double>::infinity();
  const int biased = static_cast<int>(m >> f.fraction_bits());
  const Bits fraction = m & f.fraction_mask();
  const Bits significand = biased == 0 ? fraction : fraction | (f.fraction_mask() + 1);
  const int exponent = (biased == 0 ? 1 : biased) - 1 + f.quantum();
  return sign * std::ldexp(static_cast<double>(significand), exponent);
}

std::optional<Bits> exact_bits(const Format& f, double d) {
  const Bits sign = std::signbit(d) ? f.sign_mask() : 0;
  if (std::isnan(d)) return f.quiet_nan();
  if (std::isinf(d)) return f.infinity() | sign;
  if (d == 0) return sign;
  int e = 0;
  const double m = std::frexp(std::fabs(d), &e);  // m in [1/2, 1)
  const int exponent = e - 1;
  if (exponent > f.e_max) return std::nullopt;
  const int unit = exponent < f.e_min ? f.quantum() : exponent - f.fraction_bits();
  const double scaled = std::ldexp(m, e - unit);
  if (scaled < 1 || scaled != std::floor(scaled)) return std::nullopt;
  const Bits significand = static_cast<Bits>(scaled);
  if (exponent < f.e_min) return sign | significand;
  return sign | ((static_cast<Bits>(exponent - f.e_min + 1) << f.fraction_bits()) +
                 (significand & f.fraction_mask()));
}

std::string to_text(const Format& f, Bits b) {
  std::array<char, 48> text{};
  if (is_nan(f, b)) {
    if (b == f.quiet_nan()) return "nan";
    std::snprintf(text.data(), text.size(), "%016" PRIx64, b);
    return "nan:0x" + std::string(text.data() + 16 - f.width / 4);
  }
  std::snprintf(text.data(), text.size(), "%a", to_double(f, b));
  return text.data();
}

}  // namespace karat
