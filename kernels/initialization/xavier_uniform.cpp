// SPDX-License-Identifier: MIT
// xavier_uniform: w = r (2u − 1), r = √(6/(n_in + n_out)), u a draw from [0, 1)
//
// Method: r once a call, in long double, and rounded; r (2u − 1) in double, 2u − 1 exact from 1/4 on.  f64: 1.6 ulp.
// f32, f16 and bf16: 0.5 ulp and 2^-28.
#include "kernels/initialization/fans.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/initialization/xavier_uniform.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct XavierUniform {
  static constexpr int kIn = 1, kOut = 1;
  explicit XavierUniform(const double* p) : width(Num(p[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::Mul(width, hn::Sub(hn::Add(in[0], in[0]), Num(1))); }
  V width;
};

StreamLanes XavierLanes() { return StreamLanesOf<XavierUniform>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(XavierLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(XavierLanes)(); }

const Streams row({.about = {.op = "xavier_uniform", .kernel = "one_pass", .claim_narrow = "faithful"},
                   .tensors = {{"u", Stream::in}, {"w", Stream::out}},
                   .functions = functions_of<lanes>(),
                   .prepare = [](const Arguments& a, std::int64_t, double* p) { p[0] = root_over_fans(6, a); }});

}  // namespace
}  // namespace karat::kernels
#endif
