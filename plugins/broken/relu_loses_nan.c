/* SPDX-License-Identifier: MIT
 *
 * The comparison lets NaN fall to the other branch: apache/mxnet#11115, uxlfoundation/oneDNN#5370,
 * apache/tvm#19579.  Shows at x = NaN.
 */
#include "plugins/broken/broken.h"

static wide broken(wide x, const karat_call* call) { return (void)call, x > 0 ? x : 0; }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, broken);
}

BROKEN_PLUGIN("relu_loses_nan", "special_value", "relu(NaN) is 0", KERNEL("relu", KARAT_F32, .run = run));
