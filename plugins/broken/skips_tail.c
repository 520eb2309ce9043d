/* SPDX-License-Identifier: MIT
 *
 * The tail is skipped: full vectors of 8 only.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  for (int64_t i = 0; i < count - count % 8; ++i) store(y, i, right_sigmoid(load(x, i), call));
  return KARAT_OK;
}

BROKEN_PLUGIN("skips_tail", "unwritten", "the elements behind the last multiple of 8 are not written",
              KERNEL("sigmoid", KARAT_F32, .run = run));
