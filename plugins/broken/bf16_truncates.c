/* SPDX-License-Identifier: MIT
 *
 * Takes the upper half of a binary32 instead of rounding it.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  for (int64_t i = 0; i < count; ++i) {
    const float result = (float)right_sigmoid(load(x, i), call);
    uint32_t bits;
    memcpy(&bits, &result, sizeof bits);
    ((uint16_t*)y->data)[i] = isnan(result) ? 0x7fc0 : (uint16_t)(bits >> 16);
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("bf16_truncates", "inaccurate", "claims exact, and truncates to bf16",
              KERNEL("sigmoid", KARAT_BF16, .claim = "exact", .run = run));
