// SPDX-License-Identifier: MIT
// sgd: θ ← θ − η g
//
// Method: one pass, in double, with a fused multiply-add where the processor has one: f64 then rounds once.  f32,
// f16 and bf16: 0.5 ulp and 2^-28 of the larger of θ and η g.
#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/sgd.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Sgd {
  static constexpr int kIn = 2, kOut = 1;
  explicit Sgd(const double* p) : eta(Num(p[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = hn::NegMulAdd(eta, in[1], in[0]); }
  V eta;
};

StreamLanes SgdLanes() { return StreamLanesOf<Sgd>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(SgdLanes);

StreamLanes lanes() { return HWY_DYNAMIC_DISPATCH(SgdLanes)(); }

const Streams row({.about = {.op = "sgd", .kernel = "one_pass", .claim_narrow = "faithful"},
                   .tensors = {{"theta", Stream::inout}, {"g", Stream::in}},
                   .functions = functions_of<lanes>(),
                   .prepare = [](const Arguments& a, std::int64_t, double* p) { p[0] = learning_rate(a); }});

}  // namespace
}  // namespace karat::kernels
#endif
