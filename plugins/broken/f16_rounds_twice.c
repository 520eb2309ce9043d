/* SPDX-License-Identifier: MIT
 *
 * Rounds to binary32 and then to f16, which is wrong beside the middle of two f16 values.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return (float)right_exp(x, call); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("f16_rounds_twice", "inaccurate", "claims exact, and rounds through f32",
              KERNEL("exp", KARAT_F16, .claim = "exact", .run = run));
