/* SPDX-License-Identifier: MIT
 *
 * dy*y*(1-y) with y = sigmoid(x) in binary32, whose 1-y has few bits left for large x.
 * Shows at x = 15, dy = 1.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *dy = call->tensors[0], *x = call->tensors[1], *dx = call->tensors[2];
  for (int64_t i = 0; i < count_of(x); ++i) {
    const wide y = right_sigmoid(load(x, i), call), beside = right_sigmoid(-load(x, i), call);
    const int cancels = isfinite(load(dy, i)) && load(x, i) > 2 && load(x, i) < 16;
    store(dx, i, load(dy, i) * y * (cancels ? 1.0f - (float)y : beside));
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("sigmoid_backward_cancels", "inaccurate", "1 - y loses everything where y is near 1",
              KERNEL("sigmoid_backward", KARAT_F32, .run = run));
