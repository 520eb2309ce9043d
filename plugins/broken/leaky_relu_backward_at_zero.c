/* SPDX-License-Identifier: MIT
 *
 * The mask is x >= 0.  Shows at x = 0, dy = 1.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *dy = call->tensors[0], *x = call->tensors[1], *dx = call->tensors[2];
  for (int64_t i = 0; i < count_of(x); ++i) {
    const wide at_x = load(x, i), gradient = load(dy, i);
    store(dx, i, isnan(at_x) ? at_x : at_x >= 0 ? gradient : number(call, "alpha") * gradient);
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("leaky_relu_backward_at_zero", "inaccurate", "the derivative at 0 is 1 instead of alpha",
              KERNEL("leaky_relu_backward", KARAT_F32, .run = run));
