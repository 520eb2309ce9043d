// SPDX-License-Identifier: MIT
// karat_plugin.h compiles as strict C++20, alone, with the layout that C gives it.
#include "plugins/karat_plugin.h"

namespace {

int32_t run(const karat_kernel* self, const karat_call* call) {
  return KARAT_HAS(karat_kernel, self, run) && call->tensor_count > 0 ? KARAT_OK : KARAT_FAILED;
}

const karat_kernel kernel = {.struct_size = sizeof(karat_kernel),
                             .op = "relu",
                             .kernel = "header",
                             .dtype = KARAT_F32,
                             .compute_dtype = 0,
                             .capabilities = KARAT_STRIDED | KARAT_IN_PLACE,
                             .min_alignment = 0,
                             .over_read = 0,
                             .reserved = 0,
                             .claim = nullptr,
                             .user = nullptr,
                             .supports = nullptr,
                             .scratch_bytes = nullptr,
                             .run = run};

const karat_kernel* row(int32_t index) { return index == 0 ? &kernel : nullptr; }

const karat_plugin plugin = {.struct_size = sizeof(karat_plugin),
                             .abi_major = KARAT_ABI_MAJOR,
                             .abi_minor = KARAT_ABI_MINOR,
                             .name = "header_cpp",
                             .version = "1",
                             .description = "compiles",
                             .kernel_count = 1,
                             .reserved = 0,
                             .kernel = row,
                             .extension = nullptr};

static_assert(offsetof(karat_kernel, struct_size) == 0 && offsetof(karat_plugin, struct_size) == 0);

}  // namespace

namespace header_test {
KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  return KARAT_HAS(karat_host, host, extension) ? &plugin : nullptr;
}
}  // namespace header_test
