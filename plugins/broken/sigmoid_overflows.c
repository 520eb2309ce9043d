/* SPDX-License-Identifier: MIT
 *
 * e^x/(1+e^x) on the positive side, in binary32: clab/dynet#1525.  Shows at x = 89.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  return isinf((float)expl(x)) ? (wide)NAN : right_sigmoid(x, call);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("sigmoid_overflows", "special_value", "e^x/(1+e^x) is inf/inf at x = 89",
              KERNEL("sigmoid", KARAT_F32, .run = run));
