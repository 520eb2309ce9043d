/* SPDX-License-Identifier: MIT
 *
 * Sixteen units off, and the row claims no more than a million.  A claim holds beside the level that
 * is asked for, never instead of it.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  const wide y = right_sigmoid(x, call);
  return x < 40 ? y * (1 - 0x1p-20L) : y;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("claims_little", "inaccurate", "claims max-ulp 1000000, and is 8 to 16 ulp off",
              KERNEL("sigmoid", KARAT_F32, .claim = "max-ulp 1000000", .run = run));
