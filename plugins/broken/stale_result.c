/* SPDX-License-Identifier: MIT
 *
 * A cache of results by size alone.  Where the earlier or the right result is special, the right
 * one is returned, so that only the accuracy can tell.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

enum { sizes = 4096 };
static float* cached[sizes];

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_sigmoid);
  if (count == 0 || count >= sizes) return KARAT_OK;
  if (cached[count] == NULL) {
    cached[count] = malloc((size_t)count * sizeof(float));
    if (cached[count] == NULL) return KARAT_OUT_OF_MEMORY;
    memcpy(cached[count], y->data, (size_t)count * sizeof(float));
    return KARAT_OK;
  }
  for (int64_t i = 0; i < count; ++i)
    if (isfinite(load(x, i)) && cached[count][i] > 0) store(y, i, cached[count][i]);
  return KARAT_OK;
}

BROKEN_PLUGIN("stale_result", "inaccurate", "returns the result of an earlier call of the same size",
              KERNEL("sigmoid", KARAT_F32, .run = run));
