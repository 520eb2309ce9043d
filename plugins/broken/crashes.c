/* SPDX-License-Identifier: MIT
 *
 * Writes to a member of a structure at address 0.  The address is volatile, so that no compiler
 * and no sanitizer sees it coming.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  volatile uintptr_t address = 64;
  *(volatile int*)address = 1;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("crashes", "crashed", "writes through a null pointer",
              KERNEL("sigmoid", KARAT_F32, .run = run));
