// SPDX-License-Identifier: MIT
// Eigen as a back end.  Eigen selects its instructions at compile time, so the kernels
// (kernels.cpp) are here once for each instruction set, offered as kernels of that name.
#ifdef KARAT_EIGEN_HAS_AVX2
#include <cpuid.h>
#endif

#include <vector>

#include "plugins/adapter.hpp"
#include "plugins/eigen/kernels.hpp"

namespace {

using karat::eigen::Function;

std::int32_t run(const karat_kernel* self, const karat_call* call) {
  return karat::adapter::guarded([&] {
    const karat_tensor& x = *call->tensors[0];
    static_cast<const Function*>(self->user)
        ->run(x.data, call->tensors[1]->data, karat::adapter::element_count(x));
  });
}

// Not KARAT_DETERMINISTIC: Eigen computes the elements before the first aligned one, and the
// last few, by scalar functions that can differ in bits from its packets.
constexpr std::uint32_t capabilities = KARAT_IN_PLACE | KARAT_THREAD_SAFE;

void add(const char* instruction_set, karat::eigen::Table table, std::vector<karat_kernel>& rows) {
  for (const Function* f = table.functions; f != table.functions + table.count; ++f)
    rows.push_back(karat::adapter::row(f->op, instruction_set, f->dtype, capabilities, run, f));
}

#ifdef KARAT_EIGEN_HAS_AVX2
// What -march=x86-64-v3 lets the compiler use.  The builtin asks the operating system too,
// but clang's does not know all of them.
bool has_x86_64_v3() {
  unsigned a = 0, b = 0, basic = 0, extended = 0, d = 0;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __get_cpuid(1, &a, &b, &basic, &d) && (basic & bit_FMA) && (basic & bit_F16C) &&
         (basic & bit_MOVBE) && __get_cpuid(0x80000001U, &a, &b, &extended, &d) && (extended & bit_LZCNT);
}
#endif

}  // namespace

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  std::vector<karat_kernel> rows;
  add(KARAT_EIGEN_BASELINE, karat::eigen::table_baseline(), rows);
#ifdef KARAT_EIGEN_HAS_AVX2
  if (has_x86_64_v3()) add("avx2", karat::eigen::table_avx2(), rows);
#endif
  return karat::adapter::publish("eigen", KARAT_EIGEN_VERSION, "Eigen's array functions", std::move(rows));
}
