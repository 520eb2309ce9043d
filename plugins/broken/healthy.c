/* SPDX-License-Identifier: MIT
 *
 * The control: nothing is wrong, and every check must pass.  All forward operators in every
 * dtype, strided and in place, claimed faithful.
 */
#include "plugins/broken/broken.h"

#define ELEMENTWISE(OP)                                                       \
  static int32_t run_##OP(const karat_kernel* self, const karat_call* call) { \
    (void)self;                                                               \
    return map(call, right_##OP);                                             \
  }
#define ROWWISE(OP)                                                            \
  static int32_t run_##OP(const karat_kernel* self, const karat_call* call) {  \
    (void)self;                                                                \
    return each_row(call, attribute(call, "axis")->integer, right_##OP##_row); \
  }
ELEMENTWISE(exp)
ELEMENTWISE(expm1)
ELEMENTWISE(log)
ELEMENTWISE(log1p)
ELEMENTWISE(sqrt)
ELEMENTWISE(sigmoid)
ELEMENTWISE(tanh)
ELEMENTWISE(relu)
ELEMENTWISE(leaky_relu)
ELEMENTWISE(softplus)
ROWWISE(softmax)
ROWWISE(log_softmax)

#define CAPABILITIES (KARAT_STRIDED | KARAT_IN_PLACE | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC)
#define ROW(OP, DTYPE) KERNEL(#OP, DTYPE, .claim = "faithful", .capabilities = CAPABILITIES, .run = run_##OP)
#define ROWS(OP) ROW(OP, KARAT_F64), ROW(OP, KARAT_F32), ROW(OP, KARAT_F16), ROW(OP, KARAT_BF16)

BROKEN_PLUGIN("healthy", "pass", "nothing is wrong with it", ROWS(exp), ROWS(expm1), ROWS(log), ROWS(log1p),
              ROWS(sqrt), ROWS(sigmoid), ROWS(tanh), ROWS(relu), ROWS(leaky_relu), ROWS(softplus),
              ROWS(softmax), ROWS(log_softmax));
