/* SPDX-License-Identifier: MIT
 *
 * log1p(e^(beta x)) with e^(beta x) in binary32: tracel-ai/burn#5373, Jittor/jittor#174.
 * Shows at x = 100.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  const wide z = number(call, "beta") * x;
  return z <= number(call, "threshold") && isinf((float)expl(z)) ? (wide)INFINITY : right_softplus(x, call);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("softplus_overflows", "special_value", "log(1+e^x) overflows to infinity",
              KERNEL("softplus", KARAT_F32, .run = run));
