/* SPDX-License-Identifier: MIT
 *
 * Allocates, and touches, until nothing is left.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  enum { block = 16 << 20, page = 4096 };
  for (;;) {
    volatile char* memory = malloc(block);
    if (memory == NULL) return call ? KARAT_OUT_OF_MEMORY : KARAT_FAILED;
    for (int i = 0; i < block; i += page) memory[i] = 1;
  }
}

BROKEN_PLUGIN("allocates_without_end", "out_of_memory", "takes all memory",
              KERNEL("sigmoid", KARAT_F32, .run = run));
