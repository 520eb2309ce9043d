/* SPDX-License-Identifier: MIT
 *
 * Allocates until nothing is left, and touches a page in sixteen, so that it is there soon.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  enum { block = 64 << 20, step = 64 << 10 };
  for (;;) {
    volatile char* memory = malloc(block);
    if (memory == NULL) return call ? KARAT_OUT_OF_MEMORY : KARAT_FAILED;
    for (int i = 0; i < block; i += step) memory[i] = 1;
  }
}

BROKEN_PLUGIN("allocates_without_end", "out_of_memory", "takes all memory",
              KERNEL("sigmoid", KARAT_F32, .run = run));
