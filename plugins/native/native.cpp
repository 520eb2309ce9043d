// SPDX-License-Identifier: MIT
// The back end `native`: Karat's own kernels, one row an operator and dtype.
#include <span>
#include <string>

#include "kernels/rows.hpp"
#include "plugins/karat_plugin.h"

namespace {

const karat_kernel* kernel(std::int32_t index) {
  return &karat::kernels::rows()[static_cast<std::size_t>(index)];
}

}  // namespace

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  // A build that lost its self-registered rows must not pass for a plugin without kernels.
  if (karat::kernels::rows().empty()) return nullptr;
  static const char* const isa = karat::kernels::instruction_set();
  static const std::string description =
      "Karat's own kernels: TBB over blocks, Highway over lanes, running on " +
      std::string(isa != nullptr ? isa : "nothing: KARAT_ISA names no target of this processor and build");
  static const karat_plugin plugin = {
      .struct_size = sizeof(karat_plugin),
      .abi_major = KARAT_ABI_MAJOR,
      .abi_minor = KARAT_ABI_MINOR,
      .name = "native",
      .version = KARAT_VERSION,
      .description = description.c_str(),
      .kernel_count = static_cast<std::int32_t>(karat::kernels::rows().size()),
      .reserved = 0,
      .kernel = kernel,
      .extension = nullptr,
  };
  return &plugin;
}
