/* SPDX-License-Identifier: MIT
 * karat_plugin.h compiles as strict C11, alone, and means there what it means in C++. */
#include "plugins/karat_plugin.h"

_Static_assert(sizeof(((karat_kernel*)0)->dtype) == 4, "enumerations cross as int32_t");
_Static_assert(offsetof(karat_tensor, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(karat_attribute, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(karat_call, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(karat_kernel, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(karat_host, struct_size) == 0, "struct_size comes first");
_Static_assert(offsetof(karat_plugin, struct_size) == 0, "struct_size comes first");

static int32_t run(const karat_kernel* self, const karat_call* call) {
  return KARAT_HAS(karat_kernel, self, run) && call->tensor_count > 0 ? KARAT_OK : KARAT_FAILED;
}

static const karat_kernel kernel = {.struct_size = sizeof(karat_kernel),
                                    .op = "relu",
                                    .kernel = "header",
                                    .dtype = KARAT_F32,
                                    .capabilities = KARAT_STRIDED | KARAT_IN_PLACE,
                                    .run = run};

static const karat_kernel* row(int32_t index) { return index == 0 ? &kernel : NULL; }

static const karat_plugin plugin = {.struct_size = sizeof(karat_plugin),
                                    .abi_major = KARAT_ABI_MAJOR,
                                    .abi_minor = KARAT_ABI_MINOR,
                                    .name = "header_c",
                                    .version = "1",
                                    .description = "compiles",
                                    .kernel_count = 1,
                                    .kernel = row};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  return KARAT_HAS(karat_host, host, extension) ? &plugin : NULL;
}
