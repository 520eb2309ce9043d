/* SPDX-License-Identifier: MIT
 *
 * Claims strides, and handles those of the last axis only: of a tensor that is not dense it
 * writes the first row.
 */
#include "plugins/broken/broken.h"

static int dense(const karat_tensor* t) {
  int64_t step = 1;
  for (int32_t d = t->rank - 1; d >= 0; step *= t->shape[d--])
    if (t->shape[d] > 1 && t->strides[d] != step) return 0;
  return 1;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  if (count == 0 || (dense(x) && dense(y))) return map(call, right_sigmoid);
  const int64_t first_row = x->rank > 1 ? x->shape[x->rank - 1] : (count + 1) / 2;
  for (int64_t i = 0; i < first_row; ++i) store(y, at(y, i), right_sigmoid(load(x, at(x, i)), call));
  return KARAT_OK;
}

BROKEN_PLUGIN("ignores_strides", "unwritten", "only the first row of a strided y is written",
              KERNEL("sigmoid", KARAT_F32, .capabilities = KARAT_STRIDED, .run = run));
