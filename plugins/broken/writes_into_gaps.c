/* SPDX-License-Identifier: MIT
 *
 * Claims strides, and stores pairs where only the first of each belongs to the tensor.  The
 * elements themselves are right, since they are stored last.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  int64_t last = 0;
  for (int64_t i = 0; i < count; ++i) last = at(y, i) > last ? at(y, i) : last;
  for (int64_t i = 0; i < count; ++i)
    if (at(y, i) < last) store(y, at(y, i) + 1, right_sigmoid(load(x, at(x, i)), call));
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("writes_into_gaps", "out_of_bounds", "writes into the gaps of a strided y",
              KERNEL("sigmoid", KARAT_F32, .capabilities = KARAT_STRIDED, .run = run));
