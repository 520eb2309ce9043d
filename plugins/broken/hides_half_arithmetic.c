/* SPDX-License-Identifier: MIT
 *
 * Computes in binary16 and declares nothing: held to arithmetic in binary32.
 */
#include "plugins/broken/half_arithmetic.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return half_softmax(call);
}

BROKEN_PLUGIN("hides_half_arithmetic", "inaccurate", "computes in binary16 without saying so",
              KERNEL("softmax", KARAT_F16, .run = run));
