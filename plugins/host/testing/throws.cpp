// SPDX-License-Identifier: MIT
// Kernels that let C++ exceptions out.
#include <cstdint>
#include <new>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "plugins/karat_plugin.h"

namespace {

std::int32_t throws_bad_alloc(const karat_kernel*, const karat_call*) { throw std::bad_alloc(); }
std::int32_t throws_error(const karat_kernel*, const karat_call*) {
  throw std::runtime_error("no such tile");
}
std::int32_t throws_integer(const karat_kernel*, const karat_call*) { throw 42; }
std::int32_t throws_in_supports(const karat_kernel*, const karat_call*, const char**) {
  throw std::logic_error("undecided");
}

karat_kernel row(const char* name, decltype(karat_kernel::run) run) {
  karat_kernel kernel{};
  kernel.struct_size = sizeof(karat_kernel);
  kernel.op = "relu";
  kernel.kernel = name;
  kernel.dtype = KARAT_F32;
  kernel.run = run;
  return kernel;
}

const karat_kernel* kernel_at(std::int32_t index) {
  static const std::vector<karat_kernel> rows = [] {
    std::vector<karat_kernel> list = {
        row("throws_bad_alloc", throws_bad_alloc), row("throws_error", throws_error),
        row("throws_integer", throws_integer), row("throws_in_supports", throws_error)};
    list[3].supports = throws_in_supports;
    return list;
  }();
  return &rows[static_cast<std::size_t>(index)];
}

const void* extension(const char* id) {
  return std::string_view(id) == KARAT_EXPECTED_VERDICT ? "crashed" : nullptr;
}

const karat_plugin plugin = {sizeof(karat_plugin),
                             KARAT_ABI_MAJOR,
                             KARAT_ABI_MINOR,
                             "throws",
                             "1",
                             "lets exceptions out",
                             4,
                             0,
                             kernel_at,
                             extension};

}  // namespace

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) { return &plugin; }
