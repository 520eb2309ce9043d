// SPDX-License-Identifier: MIT
#include "plugins/plain/plain.hpp"

namespace karat::plain {
namespace {

int least_exponent(int p) { return p == 11 ? -14 : -126; }

}  // namespace

float decode(std::uint16_t bits, int p) {
  const int fraction_bits = p - 1, e_min = least_exponent(p), top = (1 << (16 - p)) - 1;
  const int fraction = bits & ((1 << fraction_bits) - 1), exponent = (bits & 0x7fff) >> fraction_bits;
  float magnitude = 0;
  if (exponent == top)
    magnitude = fraction ? std::numeric_limits<float>::quiet_NaN() : std::numeric_limits<float>::infinity();
  else if (exponent == 0)
    magnitude = std::ldexp(static_cast<float>(fraction), e_min - fraction_bits);
  else
    magnitude = std::ldexp(static_cast<float>(fraction + (1 << fraction_bits)), exponent - 1 + e_min - fraction_bits);
  return bits & 0x8000 ? -magnitude : magnitude;
}

std::uint16_t encode(float value, int p) {
  const int fraction_bits = p - 1, e_min = least_exponent(p);
  const auto infinity = static_cast<std::uint32_t>((1 << (16 - p)) - 1) << fraction_bits;
  const std::uint32_t sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>(sign | infinity | 1u << (fraction_bits - 1));
  if (magnitude == 0) return static_cast<std::uint16_t>(sign);
  int e = 0;
  std::frexp(magnitude, &e);
  e = std::max(e - 1, e_min);
  if (std::isinf(magnitude) || e > -e_min + 1) return static_cast<std::uint16_t>(sign | infinity);
  // An integer of p bits; a carry runs on into the exponent, and from the largest number to infinity.
  const double steps = std::nearbyint(std::ldexp(static_cast<double>(magnitude), fraction_bits - e));
  return static_cast<std::uint16_t>(sign | (static_cast<std::uint32_t>(steps) + (static_cast<std::uint32_t>(e - e_min) << fraction_bits)));
}

double load(const karat_tensor& t, std::int64_t at) {
  switch (t.dtype) {
    case KARAT_F64:
      return static_cast<const double*>(t.data)[at];
    case KARAT_F32:
      return static_cast<double>(static_cast<const float*>(t.data)[at]);
    case KARAT_F16:
      return static_cast<double>(decode(static_cast<const std::uint16_t*>(t.data)[at], 11));
    default:
      return static_cast<double>(decode(static_cast<const std::uint16_t*>(t.data)[at], 8));
  }
}

void store(const karat_tensor& t, std::int64_t at, double value) {
  switch (t.dtype) {
    case KARAT_F64:
      static_cast<double*>(t.data)[at] = value;
      break;
    case KARAT_F32:
      static_cast<float*>(t.data)[at] = static_cast<float>(value);
      break;
    case KARAT_F16:
      static_cast<std::uint16_t*>(t.data)[at] = encode(static_cast<float>(value), 11);
      break;
    default:
      static_cast<std::uint16_t*>(t.data)[at] = encode(static_cast<float>(value), 8);
  }
}

std::vector<std::int64_t> offsets(const karat_tensor& t) {
  std::vector<std::int64_t> all, index(static_cast<std::size_t>(t.rank), 0);
  const std::int64_t n = adapter::element_count(t);
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    all.push_back(at);
    for (std::int32_t d = t.rank - 1; d >= 0; --d) {
      at += t.strides[d];
      if (++index[static_cast<std::size_t>(d)] < t.shape[d]) break;
      at -= t.strides[d] * t.shape[d];
      index[static_cast<std::size_t>(d)] = 0;
    }
  }
  return all;
}

std::vector<karat_kernel>& rows() {
  static std::vector<karat_kernel> all;
  return all;
}

}  // namespace karat::plain
