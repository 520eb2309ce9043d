/* SPDX-License-Identifier: MIT
 *
 * A cache of the last result by every byte of x, but not by alpha.  Special values are computed, so that
 * only the accuracy can tell.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

enum { most = 4096 };
static float inputs[most], results[most];
static int64_t held = -1;

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_leaky_relu);
  if (count > most) return KARAT_OK;
  if (count == held && memcmp(inputs, x->data, (size_t)count * sizeof(float)) == 0) {
    for (int64_t i = 0; i < count; ++i)
      if (isfinite(load(x, i)) && isfinite(results[i]) && results[i] != 0) store(y, i, results[i]);
    return KARAT_OK;
  }
  memcpy(inputs, x->data, (size_t)count * sizeof(float));
  memcpy(results, y->data, (size_t)count * sizeof(float));
  held = count;
  return KARAT_OK;
}

BROKEN_PLUGIN("cached_without_attributes", "inaccurate", "returns the result of a call with the same x and another alpha",
              KERNEL("leaky_relu", KARAT_F32, .run = run));
