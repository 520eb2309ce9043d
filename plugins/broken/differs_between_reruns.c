/* SPDX-License-Identifier: MIT
 *
 * Claims determinism, and rounds every other call another way.  Either result is faithful.
 */
#include "plugins/broken/broken.h"

static wide rounded_down(wide x, const karat_call* call) { return round_down(right_sigmoid(x, call)); }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  static unsigned calls;
  return map(call, calls++ % 2 == 0 ? right_sigmoid : rounded_down);
}

BROKEN_PLUGIN("differs_between_reruns", "nondeterministic", "the last bit changes from call to call",
              KERNEL("sigmoid", KARAT_F32, .claim = "faithful", .capabilities = KARAT_DETERMINISTIC,
                     .run = run));
