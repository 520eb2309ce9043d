// SPDX-License-Identifier: MIT
// glibc's scalar functions, one call an element.  Compiled with -fno-builtin, so that each
// is the library's own function and not an instruction or a vector routine in its place.
#include <gnu/libc-version.h>
#include <math.h>

#include <vector>

#include "plugins/adapter.hpp"

namespace {

template <class T>
struct Function {
  const char* op;
  T (*call)(T);
};

constexpr Function<float> functions_f32[] = {
    {"exp", ::expf},     {"expm1", ::expm1f}, {"log", ::logf},
    {"log1p", ::log1pf}, {"sqrt", ::sqrtf},   {"tanh", ::tanhf},
};
constexpr Function<double> functions_f64[] = {
    {"exp", ::exp},     {"expm1", ::expm1}, {"log", ::log},
    {"log1p", ::log1p}, {"sqrt", ::sqrt},   {"tanh", ::tanh},
};

template <class T>
std::int32_t run(const karat_kernel* self, const karat_call* call) {
  return karat::adapter::guarded([&] {
    karat::adapter::map<T>(*call->tensors[0], *call->tensors[1],
                           static_cast<const Function<T>*>(self->user)->call);
  });
}

constexpr std::uint32_t capabilities =
    KARAT_STRIDED | KARAT_IN_PLACE | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC;

}  // namespace

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  std::vector<karat_kernel> rows;
  for (const auto& f : functions_f64)
    rows.push_back(karat::adapter::row(f.op, "scalar", KARAT_F64, capabilities, run<double>, &f));
  for (const auto& f : functions_f32)
    rows.push_back(karat::adapter::row(f.op, "scalar", KARAT_F32, capabilities, run<float>, &f));
  return karat::adapter::publish("libm", gnu_get_libc_version(), "glibc's scalar mathematical functions",
                                 std::move(rows));
}
