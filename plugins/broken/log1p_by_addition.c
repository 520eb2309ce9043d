/* SPDX-License-Identifier: MIT
 *
 * log(1 + x) in binary32.  Shows at x = 1e-5.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  return x == 0 || !isfinite(x) ? right_log1p(x, call) : logl(1.0f + (float)x);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("log1p_by_addition", "inaccurate", "log(1 + x) loses x near 0",
              KERNEL("log1p", KARAT_F32, .run = run));
