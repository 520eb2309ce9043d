/* SPDX-License-Identifier: MIT
 *
 * One call behind: each returns the result of the inputs of the call before, where that had the same size.
 * Where either is special the right one is returned, so that only the accuracy can tell.
 */
#include "plugins/broken/broken.h"

enum { most = 4096 };
static float before[most], now[most];
static int64_t held = -1;

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);

  map(call, right_sigmoid);
  if (count > most) return KARAT_OK;
  memcpy(now, y->data, (size_t)count * sizeof(float));
  if (count == held)
    for (int64_t i = 0; i < count; ++i)
      if (isfinite(load(x, i)) && before[i] > 0 && before[i] < 1) store(y, i, before[i]);
  memcpy(before, now, (size_t)count * sizeof(float));
  held = count;
  return KARAT_OK;
}

BROKEN_PLUGIN("previous_result", "inaccurate", "returns what the inputs of the call before ask for",
              KERNEL("sigmoid", KARAT_F32, .run = run));
