/* SPDX-License-Identifier: MIT
 *
 * Makes a subnormal f16 by shifting the fraction right first and rounding then, when the bits that
 * decide are gone: numpy/numpy#12845.  Wrong just above the middle of two subnormal numbers.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);
  (void)self;
  for (int64_t i = 0; i < count; ++i) {
    wide v = right_exp(load(x, at(x, i)), call);
    if (v < 0x1p-14L) v = floorl(v * 0x1p25L) * 0x1p-25L; /* one bit more than is stored: a tie, or none */
    store(y, at(y, i), v);
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("f16_subnormal_loses_bits", "inaccurate", "claims exact, and drops bits of subnormal results before rounding",
              KERNEL("exp", KARAT_F16, .claim = "exact", .run = run));
