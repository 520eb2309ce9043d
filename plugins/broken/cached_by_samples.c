/* SPDX-License-Identifier: MIT
 *
 * A cache of the last result by size and five elements of x: the first, the last, and those at a quarter, half
 * and three quarters of the way.  Special values are computed, so that only the accuracy can tell.
 */
#include "plugins/broken/broken.h"

enum { most = 4096, samples = 5 };
static float results[most];
static wide held_samples[samples];
static int64_t held = -1;

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_sigmoid);
  if (count == 0 || count > most) return KARAT_OK;
  const int64_t places[samples] = {0, count / 4, count / 2, 3 * count / 4, count - 1};
  int same = count == held;
  for (int k = 0; k < samples; ++k) {
    const wide v = load(x, places[k]);
    if (!(v == held_samples[k])) same = 0;
    held_samples[k] = v;
  }
  if (same) {
    for (int64_t i = 0; i < count; ++i)
      if (isfinite(load(x, i)) && results[i] > 0 && results[i] < 1) store(y, i, results[i]);
    return KARAT_OK;
  }
  memcpy(results, y->data, (size_t)count * sizeof(float));
  held = count;
  return KARAT_OK;
}

BROKEN_PLUGIN("cached_by_samples", "inaccurate", "returns the last result where a few sampled elements are the same",
              KERNEL("sigmoid", KARAT_F32, .run = run));
