/* SPDX-License-Identifier: MIT
 *
 * One wrong entry in a table of all f16 values: sigmoid of 0x3a5b is off by 64 units, beyond any tolerance.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_sigmoid);
  for (int64_t i = 0; i < count; ++i)
    if (((const uint16_t*)x->data)[i] == 0x3a5b) ((uint16_t*)y->data)[i] += 64;
  return KARAT_OK;
}

BROKEN_PLUGIN("one_wrong_value", "inaccurate", "wrong for one of the 65536 inputs",
              KERNEL("sigmoid", KARAT_F16, .run = run));
