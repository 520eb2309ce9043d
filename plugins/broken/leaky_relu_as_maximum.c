/* SPDX-License-Identifier: MIT
 *
 * max(x, alpha x) instead of max(x, 0) + alpha min(x, 0).  Shows at alpha = 2, x = 1.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  const wide scaled = number(call, "alpha") * x;
  return isfinite(x) && isfinite((float)scaled) ? fmaxl(x, scaled) : right_leaky_relu(x, call);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("leaky_relu_as_maximum", "inaccurate",
              "max(x, alpha x), which is another function for alpha > 1",
              KERNEL("leaky_relu", KARAT_F32, .run = run));
