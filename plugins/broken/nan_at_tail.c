/* SPDX-License-Identifier: MIT
 *
 * NaN at the tail: the padding of a partial vector gets into the last element.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_sigmoid);
  if (count % 8 != 0) store(y, count - 1, NAN);
  return KARAT_OK;
}

BROKEN_PLUGIN("nan_at_tail", "special_value", "the last element is NaN unless the size is a multiple of 8",
              KERNEL("sigmoid", KARAT_F32, .run = run));
