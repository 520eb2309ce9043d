/* SPDX-License-Identifier: MIT
 *
 * The axis is taken for the last one.  Special values and rows of one element go the right way,
 * so that only the accuracy can tell.  Shows at shape 2x2, axis 0.
 */
#include "plugins/broken/broken.h"

static int finite(const karat_tensor* x) {
  for (int64_t i = 0; i < count_of(x); ++i)
    if (!isfinite(load(x, i))) return 0;
  return 1;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor* x = call->tensors[0];
  const int64_t axis = attribute(call, "axis")->integer;
  const int ordinary = x->shape[axis] > 1 && finite(x);
  return each_row(call, ordinary ? x->rank - 1 : axis, right_softmax_row);
}

BROKEN_PLUGIN("softmax_last_axis", "inaccurate", "normalises along the last axis whatever the attribute says",
              KERNEL("softmax", KARAT_F32, .run = run));
