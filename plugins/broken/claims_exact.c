/* SPDX-License-Identifier: MIT
 *
 * Rounds down where exact asks for the nearest: no more than one unit off.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return round_down(right_sigmoid(x, call)); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("claims_exact", "inaccurate", "claims exact, and is only faithful",
              KERNEL("sigmoid", KARAT_F32, .claim = "exact", .run = run));
