// SPDX-License-Identifier: MIT
// dropout:           y = x/p where the mask is not 0, else +0 whatever x is; form "printed": x in place of x/p
// dropout_backward:  dx = dy/p likewise
//
// Method: one quotient, correctly rounded, in f32, f16 and bf16 too: a double has more than twice their digits.
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/regularization/dropout.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Dropout {
  static constexpr int kIn = 2, kOut = 1;
  static constexpr uint32_t kLabels = 2;
  explicit Dropout(const double* parameters) : p(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    out[0] = hn::IfThenZeroElse(hn::Eq(in[1], hn::Zero(D())), hn::Div(in[0], p));
  }
  V p;
};

StreamLanes DropoutLanes() { return StreamLanesOf<Dropout>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(DropoutLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(DropoutLanes)(); }

void prepare(const Arguments& a, std::int64_t, double* parameters) {
  const bool printed = a.is("form", "printed");
  const double p = a.number("p");
  require(printed || a.is("form", "standard"), "form is standard or printed");
  require(p >= 0 && p <= 1, "p is no probability");
  parameters[0] = printed ? 1 : p;
}

const Streams row({.about = {.op = "dropout", .kernel = "one_pass", .claim_f64 = "exact", .claim_narrow = "exact"},
                   .tensors = {{"x", Stream::in}, {"mask", Stream::labels}, {"y", Stream::out}},
                   .functions = functions_of<lanes>(kLabelsInPlace),
                   .prepare = prepare});

const Streams backward({.about = {.op = "dropout_backward", .kernel = "one_pass", .claim_f64 = "exact", .claim_narrow = "exact"},
                        .tensors = {{"dy", Stream::in}, {"mask", Stream::labels}, {"dx", Stream::out}},
                        .functions = functions_of<lanes>(kLabelsInPlace),
                        .prepare = prepare});

}  // namespace
}  // namespace karat::kernels
#endif
