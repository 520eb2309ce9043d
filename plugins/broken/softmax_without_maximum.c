/* SPDX-License-Identifier: MIT
 *
 * e^(x_i) / sum e^(x_j) as printed, in binary32: a row with x > 88.7 has inf/inf in it.  So that
 * nothing but the overflow is wrong, the row is lost as a whole, and right otherwise.
 * Shows at x = [89].
 */
#include "plugins/broken/broken.h"

static void broken(const karat_tensor* x, const karat_tensor* y, const row* r) {
  const wide maximum = row_maximum(x, r);
  if (isfinite(maximum) && expl(maximum) > FLT_MAX)
    for (int64_t j = 0; j < r->length; ++j) store(y, element(y, r, j), NAN);
  else
    right_softmax_row(x, y, r);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return each_row(call, attribute(call, "axis")->integer, broken);
}

BROKEN_PLUGIN("softmax_without_maximum", "special_value", "e^x overflows: the maximum is not subtracted",
              KERNEL("softmax", KARAT_F32, .run = run));
