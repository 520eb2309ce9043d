/* SPDX-License-Identifier: MIT
 *
 * Claims any alignment, and traps on less than 16 bytes, as an aligned vector load does.
 */
#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  if ((uintptr_t)call->tensors[0]->data % 16 != 0) __builtin_trap();
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("needs_alignment", "crashed", "stops on data that is not aligned to 16 bytes",
              KERNEL("sigmoid", KARAT_F32, .run = run));
