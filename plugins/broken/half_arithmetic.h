/* SPDX-License-Identifier: MIT
 *
 * A softmax whose every step is rounded to binary16, sums in pairs: what half-precision units compute.
 */
#ifndef KARAT_HALF_ARITHMETIC_H
#define KARAT_HALF_ARITHMETIC_H

#include "plugins/broken/broken.h"

static inline wide half(wide v) { return decode16(encode16(v, 11, -14), 11, -14); }

static inline wide half_sum(const karat_tensor* x, const row* r, wide maximum, int64_t from, int64_t n) {
  if (n == 1) return half(expl(half(load(x, element(x, r, from)) - maximum)));
  return half(half_sum(x, r, maximum, from, n / 2) + half_sum(x, r, maximum, from + n / 2, n - n / 2));
}
static inline void half_softmax_row(const karat_tensor* x, const karat_tensor* y, const row* r) {
  if (!row_is_finite(x, r)) {
    right_softmax_row(x, y, r);
    return;
  }
  const wide maximum = row_maximum(x, r), sum = half_sum(x, r, maximum, 0, r->length);
  for (int64_t j = 0; j < r->length; ++j)
    store(y, element(y, r, j), half(expl(half(load(x, element(x, r, j)) - maximum))) / sum);
}
static inline int32_t half_softmax(const karat_call* call) {
  return each_row(call, attribute(call, "axis")->integer, half_softmax_row);
}

#endif
