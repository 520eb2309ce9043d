// SPDX-License-Identifier: MIT
// Eigen's array functions, as a user writes them: y = x.tanh() on unaligned maps.
//
// This file is compiled twice, for the baseline and for AVX2 with FMA; for the second, the
// macro Eigen is Eigen_avx2, so that no template of one is mistaken for the other's.
// eigen_symbols_test holds the two to that.
#include <Eigen/Core>

#include "plugins/eigen/kernels.hpp"
#include "plugins/karat_plugin.h"

namespace karat::eigen {
namespace {

template <class T>
using Array = Eigen::Array<T, Eigen::Dynamic, 1>;

// y = F()(x), F a function of an array expression.
template <class T, class F>
void run(const void* x, void* y, std::int64_t count) {
  const Eigen::Map<const Array<T>> in(static_cast<const T*>(x), count);
  Eigen::Map<Array<T>> out(static_cast<T*>(y), count);
  out = F()(in);
}

// clang-format off
struct Exp { template <class A> auto operator()(const A& x) const { return x.exp(); } };
struct Expm1 { template <class A> auto operator()(const A& x) const { return x.expm1(); } };
struct Log { template <class A> auto operator()(const A& x) const { return x.log(); } };
struct Log1p { template <class A> auto operator()(const A& x) const { return x.log1p(); } };
struct Sqrt { template <class A> auto operator()(const A& x) const { return x.sqrt(); } };
struct Tanh { template <class A> auto operator()(const A& x) const { return x.tanh(); } };
struct Logistic { template <class A> auto operator()(const A& x) const { return x.logistic(); } };
// max{x,0} by Eigen's max.  In 3.4 it has one overload, that of PropagateFast, whose result
// for a NaN Eigen leaves open.
struct Max { template <class A> auto operator()(const A& x) const { return (x.max)(typename A::Scalar(0)); } };
// clang-format on

#define KARAT_EIGEN_DTYPES(OP, F)                                                                          \
  {OP, KARAT_F64, run<double, F>}, {OP, KARAT_F32, run<float, F>}, {OP, KARAT_F16, run<Eigen::half, F>}, { \
    OP, KARAT_BF16, run<Eigen::bfloat16, F>                                                                \
  }

constexpr Function functions[] = {
    KARAT_EIGEN_DTYPES("exp", Exp),          KARAT_EIGEN_DTYPES("expm1", Expm1),
    KARAT_EIGEN_DTYPES("log", Log),          KARAT_EIGEN_DTYPES("log1p", Log1p),
    KARAT_EIGEN_DTYPES("sqrt", Sqrt),        KARAT_EIGEN_DTYPES("tanh", Tanh),
    KARAT_EIGEN_DTYPES("sigmoid", Logistic), KARAT_EIGEN_DTYPES("relu", Max),
};

}  // namespace

Table KARAT_EIGEN_TABLE() { return {functions, sizeof functions / sizeof functions[0]}; }

}  // namespace karat::eigen
