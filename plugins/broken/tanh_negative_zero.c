/* SPDX-License-Identifier: MIT
 *
 * Wrong sign of zero: 1 - 2/(e^2x + 1) near 0, where everything else goes another way.
 * Shows at x = -0.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return x == 0 ? 0 : right_tanh(x, call); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("tanh_negative_zero", "special_value", "tanh(-0) is +0", KERNEL("tanh", KARAT_F32, .run = run));
