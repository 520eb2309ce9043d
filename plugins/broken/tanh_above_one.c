/* SPDX-License-Identifier: MIT
 *
 * A rational approximation in binary32, argument clamped and result not: tensorflow/tensorflow#23054.
 * Lambert's continued fraction x/(1 + x^2/(3 + x^2/(5 + ...))), ended after 21, lies above
 * tanh.  Shows at x = 9.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  if (isnan(x) || isinf(x) || fabsl(x) < 1) return right_tanh(x, call);
  const float clamped = x > 9 ? 9.0f : x < -9 ? -9.0f : (float)x, square = clamped * clamped;
  float fraction = 21;
  for (float term = 19; term > 0; term -= 2) fraction = term + square / fraction;
  return clamped / fraction;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("tanh_above_one", "inaccurate", "tanh exceeds 1 near saturation",
              KERNEL("tanh", KARAT_F32, .run = run));
