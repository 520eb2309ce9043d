// SPDX-License-Identifier: MIT
#include "reference/numbers/hull.hpp"

#include <arb.h>

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

}  // namespace karat
