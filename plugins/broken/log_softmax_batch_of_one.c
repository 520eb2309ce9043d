/* SPDX-License-Identifier: MIT
 *
 * With one row the axis is mistaken, and log(1) = 0 is all that comes out: torch/nn#1089.
 * Shows at shape 1x8.
 */
#include "plugins/broken/broken.h"

static void zero_row(const karat_tensor* x, const karat_tensor* y, const row* r) {
  if (!row_is_finite(x, r)) {
    right_log_softmax_row(x, y, r);
    return;
  }
  for (int64_t j = 0; j < r->length; ++j) store(y, element(y, r, j), 0);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor* x = call->tensors[0];
  const int64_t axis = attribute(call, "axis")->integer;
  const int batch_of_one = axis == x->rank - 1 && count_of(x) == x->shape[axis] && count_of(x) > 1;
  return each_row(call, axis, batch_of_one ? zero_row : right_log_softmax_row);
}

BROKEN_PLUGIN("log_softmax_batch_of_one", "inaccurate", "a batch of one is taken for another layout: zeros",
              KERNEL("log_softmax", KARAT_F32, .run = run));
