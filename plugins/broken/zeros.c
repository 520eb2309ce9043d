/* SPDX-License-Identifier: MIT
 *
 * Computes nothing.  Special values go through, so that only the accuracy can tell.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return isfinite(x) ? 0 : right_sigmoid(x, call); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("zeros", "inaccurate", "0 for every finite input", KERNEL("sigmoid", KARAT_F32, .run = run));
