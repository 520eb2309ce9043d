/* SPDX-License-Identifier: MIT
 *
 * Divides by the length of an axis without looking whether it is empty: pytorch/pytorch#17262,
 * robertknight/rten#307.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  const karat_tensor* x = call->tensors[0];
  const int64_t axis = attribute(call, "axis")->integer;
  volatile int64_t length = x->shape[axis];
  (void)self;
  if (count_of(x) / length == 0) return KARAT_OK;
  return each_row(call, axis, right_softmax_row);
}

BROKEN_PLUGIN("divides_by_empty_axis", "crashed", "an integer division by the length of an empty axis",
              KERNEL("softmax", KARAT_F32, .run = run));
