/* SPDX-License-Identifier: MIT
 * What the test plugins have in common: rows by name, attributes, tensors of floats. */
#ifndef KARAT_HOST_TESTING_KERNELS_H
#define KARAT_HOST_TESTING_KERNELS_H

#include <string.h>

#include "plugins/karat_plugin.h"

/* A row called after its function, and one whose function has another name, with further fields. */
#define ROW(NAME) ROW_WITH(NAME, NAME, .user = NULL)
#define ROW_WITH(NAME, RUN, ...)                                                                        \
  {                                                                                                     \
    .struct_size = sizeof(karat_kernel), .op = "relu", .kernel = #NAME, .dtype = KARAT_F32, .run = RUN, \
    __VA_ARGS__                                                                                         \
  }

#define PLUGIN(NAME, ROWS)                                                                   \
  static const karat_kernel* row_of(int32_t index) { return &(ROWS)[index]; }                \
  static const karat_plugin plugin = {.struct_size = sizeof(karat_plugin),                   \
                                      .abi_major = KARAT_ABI_MAJOR,                          \
                                      .abi_minor = KARAT_ABI_MINOR,                          \
                                      .name = NAME,                                          \
                                      .version = "1.2.3",                                    \
                                      .description = "for the host's tests",                 \
                                      .kernel_count = sizeof(ROWS) / sizeof((ROWS)[0]),      \
                                      .kernel = row_of};                                     \
  KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {              \
    return KARAT_HAS(karat_host, host, extension) && !host->extension("x") ? &plugin : NULL; \
  }

static inline int64_t integer_attribute(const karat_call* call, const char* name) {
  for (int32_t i = 0; i < call->attribute_count; ++i)
    if (strcmp(call->attributes[i]->name, name) == 0) return call->attributes[i]->integer;
  return 0;
}

static inline unsigned char* bytes_of(const karat_call* call, int64_t tensor) {
  return (unsigned char*)call->tensors[tensor]->data;
}

static inline int64_t extent(const karat_tensor* tensor) { return tensor->rank == 0 ? 1 : tensor->shape[0]; }
static inline int64_t stride(const karat_tensor* tensor) {
  return tensor->rank == 0 ? 1 : tensor->strides[0];
}

/* y[i] = factor · x[i] for the last and the first tensor, rank 0 or 1. */
static inline void scale(const karat_call* call, float factor) {
  const karat_tensor* x = call->tensors[0];
  const karat_tensor* y = call->tensors[call->tensor_count - 1];
  for (int64_t i = 0; i < extent(x); ++i)
    ((float*)y->data)[i * stride(y)] = factor * ((const float*)x->data)[i * stride(x)];
}

#endif
