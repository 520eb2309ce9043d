/* SPDX-License-Identifier: MIT
 *
 * Tells NaN from infinity by the quiet bit alone, so a bf16 NaN such as 0x7f81 is infinity.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_relu);
  for (int64_t i = 0; i < count; ++i) {
    const uint16_t bits = ((const uint16_t*)x->data)[i];
    if ((bits & 0x7fff) > 0x7f80 && (bits & 0x0040) == 0) store(y, i, bits & 0x8000 ? 0 : INFINITY);
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("nan_becomes_infinity", "special_value", "a NaN with a low payload becomes infinity",
              KERNEL("relu", KARAT_BF16, .run = run));
