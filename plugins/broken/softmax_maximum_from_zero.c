/* SPDX-License-Identifier: MIT
 *
 * Subtracts max(0, max x): FluxML/NNlib.jl#43.  A row far below 0 has only exponentials that
 * binary32 takes for 0, and 0/0 is NaN.  Shows at x = [-1e4, -1e4].
 */
#include "plugins/broken/broken.h"

static void broken(const karat_tensor* x, const karat_tensor* y, const row* r) {
  const wide maximum = row_maximum(x, r);
  if (isfinite(maximum) && (float)expl(maximum) == 0)
    for (int64_t j = 0; j < r->length; ++j) store(y, element(y, r, j), NAN);
  else
    right_softmax_row(x, y, r);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return each_row(call, attribute(call, "axis")->integer, broken);
}

BROKEN_PLUGIN("softmax_maximum_from_zero", "special_value", "the running maximum starts at 0",
              KERNEL("softmax", KARAT_F32, .run = run));
