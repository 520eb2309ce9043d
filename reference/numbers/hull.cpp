// SPDX-License-Identifier: MIT
#include "reference/numbers/hull.hpp"

#include <arb.h>

#include <cmath>
#include <limits>

namespace karat {

// The storage of an Enclosure, as enclosure.cpp has it.
struct Balls {
  static arb_ptr get(Enclosure& x) { return reinterpret_cast<arb_ptr>(x.storage_); }
  static arb_srcptr get(const Enclosure& x) { return reinterpret_cast<arb_srcptr>(x.storage_); }
  static_assert(sizeof(arb_struct) == sizeof(Enclosure) && alignof(arb_struct) <= alignof(Enclosure));
};

Enclosure hull(const Enclosure& low, const Enclosure& high) {
  Enclosure both;
  arb_union(Balls::get(both), Balls::get(low), Balls::get(high), working_precision());
  return both;
}

double upper_double(const Enclosure& x) {
  if (!x.is_bounded()) return std::numeric_limits<double>::infinity();
  const Format& f = format(Dtype::f64);
  return to_double(f, round_up(f, x.upper()));
}
double lower_double(const Enclosure& x) {
  if (!x.is_bounded()) return -std::numeric_limits<double>::infinity();
  const Format& f = format(Dtype::f64);
  return to_double(f, round_down(f, x.lower()));
}

Parts parts(const Enclosure& x) {
  arb_srcptr ball = Balls::get(x);
  Parts p;
  p.high = arf_get_d(arb_midref(ball), ARF_RND_NEAR);
  p.radius = mag_get_d(arb_radref(ball));  // rounded up
  if (!(p.high - p.high == 0)) return p;
  arf_t high, rest;
  arf_init(high);
  arf_init(rest);
  arf_set_d(high, p.high);
  arf_sub(rest, arb_midref(ball), high, ARF_PREC_EXACT, ARF_RND_DOWN);
  p.low = arf_get_d(rest, ARF_RND_NEAR);
  arf_set_d(high, p.low);
  arf_sub(rest, rest, high, ARF_PREC_EXACT, ARF_RND_DOWN);
  // What `low` cuts off; both roundings of the sum are covered.
  if (!arf_is_zero(rest)) p.radius = (p.radius + std::abs(arf_get_d(rest, ARF_RND_UP))) * (1 + 0x1p-50) + 0x1p-1074;
  arf_clear(high);
  arf_clear(rest);
  return p;
}

}  // namespace karat
