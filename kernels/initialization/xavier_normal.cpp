// SPDX-License-Identifier: MIT
// xavier_normal: w = √(2/(n_in + n_out)) z, z a standard normal draw
//
// Method: σ once a call, in long double, and rounded; σ z in double.  f64: 1 ulp and 2^-10.  f32, f16 and bf16:
// 0.5 ulp and 2^-28.
#include "kernels/initialization/fans.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/initialization/xavier_normal.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct XavierNormal {
  static constexpr int kIn = 1, kOut = 1;
  explicit XavierNormal(const double* p) : width(Num(p[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::Mul(width, in[0]); }
  V width;
};

StreamLanes XavierLanes() { return StreamLanesOf<XavierNormal>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(XavierLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(XavierLanes)(); }

const Streams row({.about = {.op = "xavier_normal", .kernel = "one_pass", .claim_narrow = "faithful"},
                   .tensors = {{"z", Stream::in}, {"w", Stream::out}},
                   .functions = functions_of<lanes>(),
                   .prepare = [](const Arguments& a, std::int64_t, double* p) { p[0] = root_over_fans(2, a); }});

}  // namespace
}  // namespace karat::kernels
#endif
