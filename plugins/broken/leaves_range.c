/* SPDX-License-Identifier: MIT
 *
 * A probability of 1 + 2^-23 where sigmoid is within a rounding of 1: inside its error budget, and outside
 * of [0, 1].  Only the law of its range tells.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return x > 14 && x < 17 ? 1 + 0x1p-23L : right_sigmoid(x, call); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("leaves_range", "law_broken", "sigmoid rises to 1 + 2^-23 between 14 and 17",
              KERNEL("sigmoid", KARAT_F32, .run = run));
