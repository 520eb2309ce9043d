/* SPDX-License-Identifier: MIT
 *
 * Claims determinism, and computes unaligned data another way, which rounds another way.  Either
 * result is faithful.
 */
#include "plugins/broken/broken.h"

static wide rounded_down(wide x, const karat_call* call) { return round_down(right_sigmoid(x, call)); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, (uintptr_t)call->tensors[0]->data % 64 == 0 ? right_sigmoid : rounded_down);
}

BROKEN_PLUGIN("depends_on_alignment", "nondeterministic", "the last bit depends on the address of x",
              KERNEL("sigmoid", KARAT_F32, .claim = "faithful", .capabilities = KARAT_DETERMINISTIC,
                     .run = run));
