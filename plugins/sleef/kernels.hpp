// SPDX-License-Identifier: MIT
// Between the plugin and its kernels, which are compiled once for each vector width.  Only plain data
// crosses, and this header defines nothing that the linker could merge.
#pragma once

#include <cstdint>

namespace karat::sleef {

struct Function {
  const char* op;
  const char* kernel;           // SLEEF's suffix: bound and instruction set
  std::int32_t dtype;           // KARAT_F32, …
  const char* instruction_set;  // that the processor must have; nullptr: any
  const char* bound;            // that SLEEF documents, as a claim
  void (*run)(const void* x, void* y, std::int64_t count);
};

struct Table {
  const Function* functions;
  std::int32_t count;
};

Table table_scalar();
Table table_sse();     // sse2, sse4
Table table_avx();     // avx, avx2
Table table_avx512();  // avx512f

}  // namespace karat::sleef
