/* SPDX-License-Identifier: MIT
 *
 * Writes one element behind the end of the output.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  if (count > 0) ((volatile float*)y->data)[count] = 0.5f;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("writes_past_end", "out_of_bounds", "writes one element behind the end of y",
              KERNEL("sigmoid", KARAT_F32, .run = run));
