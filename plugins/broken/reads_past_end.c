/* SPDX-License-Identifier: MIT
 *
 * Reads one element behind the end of the input, and makes no use of it.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  if (count > 0) (void)((const volatile float*)x->data)[count];
  (void)y;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("reads_past_end", "out_of_bounds", "reads one element behind the end of x",
              KERNEL("sigmoid", KARAT_F32, .run = run));
