/* SPDX-License-Identifier: MIT
 *
 * Denormals are zeros: jax-ml/jax#37762.  Shows at x = 1e-40.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return right_sqrt(x > 0 && x < FLT_MIN ? 0 : x, call); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("sqrt_subnormal_as_zero", "inaccurate", "subnormal inputs are taken for 0",
              KERNEL("sqrt", KARAT_F32, .run = run));
