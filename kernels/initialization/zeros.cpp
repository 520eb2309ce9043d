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

void ZerosDoubles(const StreamCall& call) { MapStreams<Zeros, double>(call); }
void ZerosFloats(const StreamCall& call) { MapStreams<Zeros, float>(call); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ZerosDoubles);
HWY_EXPORT(ZerosFloats);

const Streams row({.about = {.op = "zeros", .kernel = "fill", .claim_f64 = "exact", .claim_narrow = "exact"},
                   .tensors = {{"z", Stream::unread}, {"w", Stream::out}},
                   .functions = {.full = [](const StreamCall& c) { HWY_DYNAMIC_DISPATCH(ZerosDoubles)(c); },
                                 .narrow = [](const StreamCall& c) { HWY_DYNAMIC_DISPATCH(ZerosDoubles)(c); },
                                 .stored = [](const StreamCall& c) { HWY_DYNAMIC_DISPATCH(ZerosFloats)(c); }}});

}  // namespace
}  // namespace karat::kernels
#endif
