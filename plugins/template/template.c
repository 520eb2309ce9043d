/* SPDX-License-Identifier: MIT
 *
 * The smallest back end: one kernel, relu in f32.  Copy this file, put your kernel into
 * relu_f32, and read karat_plugin.h for what else a row can say.
 */
#include "karat_plugin.h"

/* relu: x -> y.  The tensors come in the operator's order (`karat list ops`).  This row
 * claims no KARAT_STRIDED, so that both are dense, and their shape need not be looked at:
 * only how many elements there are.  There may be none. */
static int32_t relu_f32(const karat_kernel* self, const karat_call* call) {
  const karat_tensor* x = call->tensors[0];
  const karat_tensor* y = call->tensors[1];
  const float* in = x->data; /* read-only: a write would be caught */
  float* out = y->data;      /* every element must be written */
  int64_t count = 1;         /* rank 0 is one element */
  (void)self;
  for (int32_t d = 0; d < x->rank; ++d) count *= x->shape[d];
  /* This way round a NaN stays NaN: it is not less than 0. */
  for (int64_t i = 0; i < count; ++i) out[i] = in[i] < 0.0f ? 0.0f : in[i];
  return KARAT_OK;
}

/* One row a kernel and dtype.  What is left out is 0 or NULL: no claim, any alignment, no
 * reading past the end, every call supported, no scratch. */
static const karat_kernel kernels[] = {
    {
        .struct_size = sizeof(karat_kernel),
        .op = "relu",
        .kernel = "loop",
        .dtype = KARAT_F32,
        .capabilities = KARAT_IN_PLACE | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC,
        .run = relu_f32,
    },
};

static const karat_kernel* kernel_at(int32_t index) { return &kernels[index]; }

static const karat_plugin plugin = {
    .struct_size = sizeof(karat_plugin),
    .abi_major = KARAT_ABI_MAJOR,
    .abi_minor = KARAT_ABI_MINOR,
    .name = "template",
    .version = "1.0",
    .description = "the smallest back end: relu in f32",
    .kernel_count = sizeof kernels / sizeof kernels[0],
    .kernel = kernel_at,
};

/* The one exported symbol. */
KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return &plugin;
}
