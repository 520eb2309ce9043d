/* SPDX-License-Identifier: MIT
 *
 * What the plugins that cannot be loaded as they are share: one right kernel, relu in f32, and
 * a description that each of them gets one thing wrong in.
 */
#ifndef KARAT_BROKEN_LOAD_H
#define KARAT_BROKEN_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "plugins/karat_plugin.h"

static inline int32_t relu(const karat_kernel* self, const karat_call* call) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  int64_t count = 1;
  (void)self;
  for (int32_t d = 0; d < x->rank; ++d) count *= x->shape[d];
  for (int64_t i = 0; i < count; ++i) {
    const float v = ((const float*)x->data)[i];
    ((float*)y->data)[i] = v < 0.0f ? 0.0f : v;
  }
  return KARAT_OK;
}

#define RELU(OP, DTYPE, RUN) \
  { .struct_size = sizeof(karat_kernel), .op = OP, .kernel = "loop", .dtype = DTYPE, .run = RUN }

/* The fields of a karat_plugin up to its description. */
#define HEAD(NAME, MAJOR, MINOR) \
  .struct_size = sizeof(karat_plugin), .abi_major = MAJOR, .abi_minor = MINOR, .name = NAME, .version = "1.0"

#endif
