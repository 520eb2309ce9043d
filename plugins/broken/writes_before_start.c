/* SPDX-License-Identifier: MIT
 *
 * Writes one element before the start of the output.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  if (count > 0) ((volatile float*)y->data)[-1] = 0.5f;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("writes_before_start", "out_of_bounds", "writes one element before the start of y",
              KERNEL("sigmoid", KARAT_F32, .run = run));
