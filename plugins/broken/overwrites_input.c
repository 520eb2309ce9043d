/* SPDX-License-Identifier: MIT
 *
 * Computes in the input's memory first.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  for (int64_t i = 0; i < count; ++i) store(x, i, right_sigmoid(load(x, i), call));
  for (int64_t i = 0; i < count; ++i) store(y, i, load(x, i));
  return KARAT_OK;
}

BROKEN_PLUGIN("overwrites_input", "input_modified", "x is overwritten with the result",
              KERNEL("sigmoid", KARAT_F32, .run = run));
