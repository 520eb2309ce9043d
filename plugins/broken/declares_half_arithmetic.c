/* SPDX-License-Identifier: MIT
 *
 * Healthy: computes in binary16 and declares so.
 */
#include "plugins/broken/half_arithmetic.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return half_softmax(call);
}

BROKEN_PLUGIN("declares_half_arithmetic", "pass", "computes in binary16 and declares it: judged by that",
              KERNEL("softmax", KARAT_F16, .run = run, .compute_dtype = KARAT_F16));
