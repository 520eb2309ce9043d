/* SPDX-License-Identifier: MIT
 *
 * Changes the rounding mode, as interval code does, and leaves it so.
 */
#include <fenv.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  fesetround(FE_TONEAREST);
  map(call, right_sigmoid);
  fesetround(FE_UPWARD);
  return KARAT_OK;
}

BROKEN_PLUGIN("leaves_rounding_upward", "fp_env_changed", "leaves the rounding mode at upward",
              KERNEL("sigmoid", KARAT_F32, .run = run));
