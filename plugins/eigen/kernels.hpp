// SPDX-License-Identifier: MIT
// Between the plugin and its kernels, which are compiled once for each instruction set.
// Only plain data crosses, and this header defines nothing: a definition that both
// instruction sets shared would be merged by the linker into either of the two.
#pragma once

#include <cstdint>

namespace karat::eigen {

struct Function {
  const char* op;
  std::int32_t dtype;  // KARAT_F32, …
  void (*run)(const void* x, void* y, std::int64_t count);
};

struct Table {
  const Function* functions;
  std::int32_t count;
};

Table table_baseline();
#ifdef KARAT_EIGEN_HAS_AVX2
Table table_avx2();
#endif

}  // namespace karat::eigen
