/* SPDX-License-Identifier: MIT
 *
 * A probability of 1 + 2^-23 where one element has all of it: inside the error budget of a sum of eight
 * terms or more, and outside of [0, 1].  Only the law of its range tells.
 */
#include "plugins/broken/broken.h"

static void broken(const karat_tensor* x, const karat_tensor* y, const row* r) {
  right_softmax_row(x, y, r);
  if (r->length < 8 || !row_is_finite(x, r)) return;
  for (int64_t j = 0; j < r->length; ++j)
    if (load(y, element(y, r, j)) == 1) store(y, element(y, r, j), 1 + 0x1p-23L);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return each_row(call, attribute(call, "axis")->integer, broken);
}

BROKEN_PLUGIN("leaves_range", "law_broken", "softmax rises to 1 + 2^-23",
              KERNEL("softmax", KARAT_F32, .run = run));
