/* SPDX-License-Identifier: MIT
 *
 * Results cut off towards zero instead of rounded: each is one of the two neighbours, so no element is
 * wrong; all of them together lean to one side, which is a warning.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);
  (void)self;
  for (int64_t i = 0; i < count; ++i) {
    const wide v = right_sigmoid(load(x, at(x, i)), call);
    store(y, at(y, i), isnan(v) ? v : round_down(v)); /* it is never negative */
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("cuts_off", "pass", "cuts results off instead of rounding them: a warning, no failure",
              KERNEL("sigmoid", KARAT_F32, .run = run));
