// SPDX-License-Identifier: MIT
// generalization_gap:  y = E_out − E_in
//
// Method: one difference, correctly rounded: a double has more than twice the digits of f32, f16 and bf16, so that the
// second rounding does nothing that the first would not have done.
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/regularization/generalization_gap.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Difference {
  static constexpr int kIn = 2, kOut = 1;
  explicit Difference(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::Sub(in[0], in[1]); }
};

StreamLanes DifferenceLanes() { return StreamLanesOf<Difference>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(DifferenceLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(DifferenceLanes)(); }

const Streams row({.about = {.op = "generalization_gap", .kernel = "one_pass", .claim_f64 = "exact", .claim_narrow = "exact"},
                   .tensors = {{"E_out", Stream::in}, {"E_in", Stream::in}, {"y", Stream::out}},
                   .functions = functions_of<lanes>()});

}  // namespace
}  // namespace karat::kernels
#endif
