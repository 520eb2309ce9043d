/* SPDX-License-Identifier: MIT
 *
 * e^x - 1 in binary32.  Shows at x = 1e-5.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  return x == 0 || !isfinite(x) ? right_expm1(x, call) : (float)expl(x) - 1.0f;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("expm1_by_subtraction", "inaccurate", "e^x - 1 cancels near 0",
              KERNEL("expm1", KARAT_F32, .run = run));
