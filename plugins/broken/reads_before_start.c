/* SPDX-License-Identifier: MIT
 *
 * Reads one element before the start of the input, and makes no use of it.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  if (count > 0) (void)((const volatile float*)x->data)[-1];
  (void)y;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("reads_before_start", "out_of_bounds", "reads one element before the start of x",
              KERNEL("sigmoid", KARAT_F32, .run = run));
