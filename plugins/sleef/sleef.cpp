// SPDX-License-Identifier: MIT
// SLEEF as a back end: its vector functions for each instruction set and error bound that it offers, as
// kernels of SLEEF's own suffixes, and its scalar ones.
#include <vector>

#include "plugins/adapter.hpp"
#include "plugins/sleef/kernels.hpp"

namespace {

using karat::sleef::Function;
using karat::sleef::Table;

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  return karat::adapter::guarded([&] {
    const karat_tensor& x = *call->tensors[0];
    static_cast<const Function*>(self->user)
        ->run(x.data, call->tensors[1]->data, karat::adapter::element_count(x));
  });
}

bool has(const char* instruction_set) {
  if (instruction_set == nullptr) return true;
#ifdef KARAT_SLEEF_X86
  const auto is = [&](const char* name) { return std::strcmp(instruction_set, name) == 0; };
  if (is("sse2")) return __builtin_cpu_supports("sse2");
  if (is("sse4.1")) return __builtin_cpu_supports("sse4.1");
  if (is("avx")) return __builtin_cpu_supports("avx");
  if (is("avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (is("avx512f")) return __builtin_cpu_supports("avx512f");
#endif
  return false;
}

// Each lane by itself, whatever stands in the others.
constexpr std::uint32_t capabilities = KARAT_IN_PLACE | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC;

void add(Table table, std::vector<karat_kernel>& rows) {
  for (const Function* f = table.functions; f != table.functions + table.count; ++f) {
    if (!has(f->instruction_set)) continue;
    karat_kernel row = karat::adapter::row(f->op, f->kernel, f->dtype, capabilities, run, f);
    row.claim = f->bound;
    rows.push_back(row);
  }
}

}  // namespace

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  std::vector<karat_kernel> rows;
  add(karat::sleef::table_scalar(), rows);
#ifdef KARAT_SLEEF_X86
  add(karat::sleef::table_sse(), rows);
  add(karat::sleef::table_avx(), rows);
  add(karat::sleef::table_avx512(), rows);
#endif
  return karat::adapter::publish("sleef", KARAT_SLEEF_VERSION, "SLEEF's vector and scalar functions",
                                 std::move(rows));
}
