// SPDX-License-Identifier: MIT
// What the adapter's files share: a call's tensors as plain arrays, BLAS by one name in both types, and
// rows that register themselves.  A kernel is a generic lambda over the element type:
//
//   const Row sgd("sgd", "axpy", []<class T>(const Call<T>& c) { … });
//
// The host places tensors densely, row-major.
#pragma once

#include <cblas.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/adapter.hpp"

namespace karat::openblas {

// BLAS by one name: what ends in s and d there.
#define KARAT_BLAS(T, letter)                                                                              \
  inline void axpy(blasint n, T a, const T* x, T* y) { cblas_##letter##axpy(n, a, x, 1, y, 1); }           \
  inline void axpby(blasint n, T a, const T* x, T b, T* y) { cblas_##letter##axpby(n, a, x, 1, b, y, 1); } \
  inline void scal(blasint n, T a, T* x) { cblas_##letter##scal(n, a, x, 1); }                             \
  inline T dot(blasint n, const T* x, const T* y) { return cblas_##letter##dot(n, x, 1, y, 1); }           \
  inline T asum(blasint n, const T* x) { return cblas_##letter##asum(n, x, 1); }                           \
  inline T nrm2(blasint n, const T* x) { return cblas_##letter##nrm2(n, x, 1); }                           \
  /* y = alpha A x + beta y, A: (rows, columns), or its transpose */                                       \
  inline void gemv(CBLAS_TRANSPOSE turned, blasint rows, blasint columns, T alpha, const T* a, const T* x, \
                   T beta, T* y) {                                                                         \
    cblas_##letter##gemv(CblasRowMajor, turned, rows, columns, alpha, a, std::max(columns, 1), x, 1, beta, \
                         y, 1);                                                                            \
  }                                                                                                        \
  /* c += a b, c: (m, n), the sum over k; a, or b, given as its transpose */                               \
  inline void gemm(CBLAS_TRANSPOSE a_turned, CBLAS_TRANSPOSE b_turned, blasint m, blasint n, blasint k,    \
                   const T* a, const T* b, T* c) {                                                         \
    cblas_##letter##gemm(CblasRowMajor, a_turned, b_turned, m, n, k, 1, a, a_turned == CblasTrans ? m : k, \
                         b, b_turned == CblasTrans ? k : n, 1, c, n);                                      \
  }
KARAT_BLAS(float, s)
KARAT_BLAS(double, d)
#undef KARAT_BLAS

using Extents = std::vector<std::int64_t>;

template <class T>
class Call {
 public:
  explicit Call(const karat_call& call) : call_(call) {}

  template <class E = T>
  const E* in(const char* name) const {
    return static_cast<const E*>(find(name).data);
  }
  T* out(const char* name) const { return static_cast<T*>(find(name).data); }
  Extents shape(const char* name) const {
    const karat_tensor& t = find(name);
    return Extents(t.shape, t.shape + t.rank);
  }
  blasint count(const char* name) const { return static_cast<blasint>(adapter::element_count(find(name))); }
  bool has(const char* name) const { return !adapter::is_absent(find(name)); }

  T number(const char* name) const { return static_cast<T>(adapter::number(call_, name, 0)); }
  std::int64_t integer(const char* name) const { return adapter::integer(call_, name, 0); }
  bool is(const char* name, std::string_view choice) const { return adapter::text(call_, name) == choice; }
  Extents list(const char* name) const {
    const auto values = adapter::list(call_, name);
    return Extents(values.begin(), values.end());
  }

 private:
  const karat_tensor& find(const char* name) const {
    const karat_tensor* t = adapter::tensor(call_, name);
    if (!t) throw std::bad_alloc();
    return *t;
  }
  const karat_call& call_;
};

template <class T>
std::vector<T> copy(const T* x, blasint n) {
  return std::vector<T>(x, x + n);
}

// Why a call is declined, or nullptr.
using Declines = const char* (*)(const karat_call&);

std::vector<karat_kernel>& rows();
// Declines extents that BLAS's integers lack, and what the row's own function declines.
std::int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason);

struct Row {
  template <class F>
  Row(const char* op, const char* kernel, F, Declines declines = nullptr) {
    add<F, float>(op, kernel, KARAT_F32, declines);
    add<F, double>(op, kernel, KARAT_F64, declines);
  }

 private:
  // Not KARAT_DETERMINISTIC, nor thread-safe: sums depend on the thread count, which is the library's own.
  template <class F, class T>
  static void add(const char* op, const char* kernel, std::int32_t dtype, Declines declines) {
    karat_kernel row = adapter::row(op, kernel, dtype, 0, [](const karat_kernel*, const karat_call* call) {
      return adapter::guarded([&] {
        openblas_set_num_threads(call->threads);
        F{}.template operator()<T>(Call<T>(*call));
      });
    });
    row.supports = supports;
    row.user = reinterpret_cast<void*>(declines);
    rows().push_back(row);
  }
};

}  // namespace karat::openblas
