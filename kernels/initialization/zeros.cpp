// SPDX-License-Identifier: MIT
// zeros: w = 0, whatever is drawn
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/initialization/zeros.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Zeros {
  static constexpr int kIn = 0, kOut = 1;
  explicit Zeros(const double*) {}
  HWY_INLINE void operator()(const V*, V* out) const { out[0] = Num(0); }
};

StreamLanes ZerosLanes() { return StreamLanesOf<Zeros>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ZerosLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(ZerosLanes)(); }

const Streams row({.about = {.op = "zeros", .kernel = "fill", .claim_f64 = "exact", .claim_narrow = "exact"},
                   .tensors = {{"z", Stream::unread}, {"w", Stream::out}},
                   .functions = functions_of<lanes>()});

}  // namespace
}  // namespace karat::kernels
#endif
