/* SPDX-License-Identifier: MIT
 *
 * Results below the smallest normal number are 0.  Shows at x = -88.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  const wide y = right_sigmoid(x, call);
  return y < FLT_MIN ? 0 : y;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("sigmoid_flushes_subnormals", "inaccurate", "claims faithful, and flushes subnormal results to 0",
              KERNEL("sigmoid", KARAT_F32, .claim = "faithful", .run = run));
