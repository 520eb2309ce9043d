/* SPDX-License-Identifier: MIT
 *
 * Elements in a vector's remainder are computed otherwise, one unit in the last place beside the nearest
 * number: right in either place, and not the same, although the row claims determinism.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);
  (void)self;
  for (int64_t i = 0; i < count; ++i) {
    const wide v = right_sigmoid(load(x, at(x, i)), call);
    if (i < count / 8 * 8 || isnan(v) || (wide)(float)v == v)
      store(y, at(y, i), v);
    else
      store(y, at(y, i), round_down(v));
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("depends_on_position", "law_broken", "results of the same element differ with its place in the tensor",
              KERNEL("sigmoid", KARAT_F32, .run = run, .capabilities = KARAT_DETERMINISTIC));
