/* SPDX-License-Identifier: MIT
 *
 * Each thread adds up a part of the row in binary32, and the parts are added then: right for every number
 * of threads, and not the same, although the row claims determinism (pytorch/pytorch#88718, #115620).
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t axis = attribute(call, "axis")->integer, length = x->shape[axis], threads = call->threads;
  int64_t step = 1;
  (void)self;
  if (count_of(x) == 0) return KARAT_OK;
  for (int64_t d = axis + 1; d < x->rank; ++d) step *= x->shape[d];
  for (int64_t i = 0; i < count_of(x) / length; ++i) {
    const row r = {i / step * length * step + i % step, step, length};
    const wide maximum = row_maximum(x, &r);
    float sum = 0;
    for (int64_t thread = 0; thread < threads; ++thread) {
      float part = 0;
      for (int64_t j = length * thread / threads; j < length * (thread + 1) / threads; ++j) part += (float)expl(load(x, element(x, &r, j)) - maximum);
      sum += part;
    }
    for (int64_t j = 0; j < length; ++j)
      store(y, element(y, &r, j), isfinite(maximum) ? expl(load(x, element(x, &r, j)) - maximum) / sum : (wide)NAN);
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("depends_on_threads", "nondeterministic", "the order of summation follows the number of threads",
              KERNEL("softmax", KARAT_F32, .run = run, .capabilities = KARAT_DETERMINISTIC));
