// SPDX-License-Identifier: MIT
// normal: w = mean + σ z, z a standard normal draw
//
// Method: in double, with a fused multiply-add where the processor has one: f64 then rounds once.  f32, f16 and bf16:
// 0.5 ulp and 2^-28 of the larger of the terms.
#include <cmath>

#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/initialization/normal.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Normal {
  static constexpr int kIn = 1, kOut = 1;
  explicit Normal(const double* p) : mean(Num(p[0])), sigma(Num(p[1])) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::MulAdd(sigma, in[0], mean); }
  V mean, sigma;
};

StreamLanes NormalLanes() { return StreamLanesOf<Normal>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(NormalLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(NormalLanes)(); }

void prepare(const Arguments& a, std::int64_t, double* p) {
  p[0] = a.number("mean");
  p[1] = a.number("sigma");
  require(std::isfinite(p[0]), "mean is not finite");
  require(p[1] >= 0 && std::isfinite(p[1]), "sigma is negative or not finite");
}

const Streams row({.about = {.op = "normal", .kernel = "one_pass", .claim_narrow = "faithful"},
                   .tensors = {{"z", Stream::in}, {"w", Stream::out}},
                   .functions = functions_of<lanes>(),
                   .prepare = prepare});

}  // namespace
}  // namespace karat::kernels
#endif
