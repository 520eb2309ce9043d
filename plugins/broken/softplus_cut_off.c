/* SPDX-License-Identifier: MIT
 *
 * A cut-off that single precision does not notice, in f64.  Shows at x = 20.5.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) {
  return number(call, "beta") * x > 20 ? x : right_softplus(x, call);
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("softplus_cut_off", "inaccurate", "x itself above 20 whatever the threshold",
              KERNEL("softplus", KARAT_F64, .run = run));
