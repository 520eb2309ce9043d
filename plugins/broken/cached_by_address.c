/* SPDX-License-Identifier: MIT
 *
 * A cache of results by the addresses and the size of x and y.  Where the earlier or the right result is
 * special, the right one is returned, so that only the accuracy can tell.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

static struct entry {
  const void *x, *y;
  int64_t count;
  float* values;
} cache[4096];

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);
  struct entry* e = &cache[((uintptr_t)x->data / 4 ^ (uintptr_t)y->data / 4096) % 4096];

  map(call, right_sigmoid);
  if (count == 0 || count > 100000) return KARAT_OK;
  if (e->x == x->data && e->y == y->data && e->count == count) {
    for (int64_t i = 0; i < count; ++i)
      if (isfinite(load(x, i)) && e->values[i] > 0 && e->values[i] < 1) store(y, i, e->values[i]);
    return KARAT_OK;
  }
  free(e->values);
  *e = (struct entry){NULL, NULL, 0, malloc((size_t)count * sizeof(float))};
  if (e->values == NULL) return KARAT_OUT_OF_MEMORY;
  memcpy(e->values, y->data, (size_t)count * sizeof(float));
  e->x = x->data, e->y = y->data, e->count = count;
  return KARAT_OK;
}

BROKEN_PLUGIN("cached_by_address", "inaccurate", "returns the result of an earlier call with the same pointers",
              KERNEL("sigmoid", KARAT_F32, .run = run));
