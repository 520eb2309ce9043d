/* SPDX-License-Identifier: MIT
 *
 * Exports malloc() and free(), as a plugin does that links an allocator statically and hides nothing.
 */
#include "plugins/broken/broken.h"

static _Alignas(64) char pool[1 << 16];
static size_t used;

KARAT_EXPORT void* malloc(size_t bytes) {
  const size_t rounded = (bytes + 63) / 64 * 64;
  if (rounded < bytes || rounded > sizeof pool - used) return NULL;
  used += rounded;
  return pool + used - rounded;
}
KARAT_EXPORT void free(void* memory) { (void)memory; }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("exports_malloc", "protocol_violation", "brings a malloc() of its own", KERNEL("sigmoid", KARAT_F32, .run = run));
