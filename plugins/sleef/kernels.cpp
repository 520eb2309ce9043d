// SPDX-License-Identifier: MIT
// SLEEF's functions over arrays: whole vectors, and the last elements in a vector filled up with ones.
//
// This file is compiled once for each vector width, KARAT_SLEEF_WIDTH the bytes of a vector (0: the scalar
// functions): SLEEF's declarations, and how vectors are passed, depend on the compiler's flags.
#include <sleef.h>

#include "plugins/karat_plugin.h"
#include "plugins/sleef/kernels.hpp"

namespace karat::sleef {
namespace {

template <class T, class V, auto Call>  // V Call(V)
void run(const void* x, void* y, std::int64_t count) {
  constexpr std::int64_t lanes = sizeof(V) / sizeof(T);
  const T* in = static_cast<const T*>(x);
  T* out = static_cast<T*>(y);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    V v;
    __builtin_memcpy(&v, in + i, sizeof v);
    v = Call(v);
    __builtin_memcpy(out + i, &v, sizeof v);
  }
  if (i == count) return;
  T last[lanes];
  for (std::int64_t k = 0; k < lanes; ++k) last[k] = i + k < count ? in[i + k] : T(1);
  V v;
  __builtin_memcpy(&v, last, sizeof v);
  v = Call(v);
  __builtin_memcpy(last, &v, sizeof v);
  for (std::int64_t k = 0; i + k < count; ++k) out[i + k] = last[k];
}

#define KARAT_SLEEF_CLAIM_u05 "max-ulp 0.5001"
#define KARAT_SLEEF_CLAIM_u10 "max-ulp 1"
#define KARAT_SLEEF_CLAIM_u35 "max-ulp 3.5"

// The scalar functions are named Sleef_expf_u10 and Sleef_exp_u10, the others Sleef_expf8_u10avx2 and
// Sleef_expd4_u10avx2.
#define KARAT_SLEEF_BOTH(FUNCTION, BOUND, ISA, NEEDS, V32, F32, V64, F64)                   \
  {#FUNCTION,                                                                               \
   #BOUND #ISA,                                                                             \
   KARAT_F32,                                                                               \
   NEEDS,                                                                                   \
   KARAT_SLEEF_CLAIM_##BOUND,                                                               \
   run<float, V32, Sleef_##FUNCTION##F32##_##BOUND##ISA>},                                  \
  {                                                                                         \
#FUNCTION, #BOUND #ISA, KARAT_F64, NEEDS, KARAT_SLEEF_CLAIM_##BOUND, run < double, V64, \
        Sleef_##FUNCTION##F64##_##BOUND##ISA>                                               \
  }
#define KARAT_SLEEF_ALL(...)                                                               \
  KARAT_SLEEF_BOTH(exp, u10, __VA_ARGS__), KARAT_SLEEF_BOTH(expm1, u10, __VA_ARGS__),      \
      KARAT_SLEEF_BOTH(log, u10, __VA_ARGS__), KARAT_SLEEF_BOTH(log, u35, __VA_ARGS__),    \
      KARAT_SLEEF_BOTH(log1p, u10, __VA_ARGS__), KARAT_SLEEF_BOTH(sqrt, u05, __VA_ARGS__), \
      KARAT_SLEEF_BOTH(sqrt, u35, __VA_ARGS__), KARAT_SLEEF_BOTH(tanh, u10, __VA_ARGS__),  \
      KARAT_SLEEF_BOTH(tanh, u35, __VA_ARGS__)

#if KARAT_SLEEF_WIDTH == 0
#define KARAT_SLEEF_TABLE table_scalar
constexpr Function functions[] = {KARAT_SLEEF_ALL(, nullptr, float, f, double, )};
#elif KARAT_SLEEF_WIDTH == 16
#define KARAT_SLEEF_TABLE table_sse
constexpr Function functions[] = {KARAT_SLEEF_ALL(sse2, "sse2", __m128, f4, __m128d, d2),
                                  KARAT_SLEEF_ALL(sse4, "sse4.1", __m128, f4, __m128d, d2)};
#elif KARAT_SLEEF_WIDTH == 32
#define KARAT_SLEEF_TABLE table_avx
constexpr Function functions[] = {KARAT_SLEEF_ALL(avx, "avx", __m256, f8, __m256d, d4),
                                  KARAT_SLEEF_ALL(avx2, "avx2", __m256, f8, __m256d, d4)};
#elif KARAT_SLEEF_WIDTH == 64
#define KARAT_SLEEF_TABLE table_avx512
constexpr Function functions[] = {KARAT_SLEEF_ALL(avx512f, "avx512f", __m512, f16, __m512d, d8)};
#endif

}  // namespace

Table KARAT_SLEEF_TABLE() { return {functions, sizeof functions / sizeof functions[0]}; }

}  // namespace karat::sleef
