// SPDX-License-Identifier: MIT
// mse_loss:           L = mean, or sum, of (x_i − t_i)², or each
// mse_loss_backward:  dx_i = 2(x_i − t_i)·dy, divided by n for the mean; dt_i = −dx_i
//
// Method: terms in double, summed in sixteen partial sums a block, blocks in their order; f64 keeps the
// roundings of the sums.  f32, f16 and bf16: 0.5 ulp and 2^-28.  f64: 2 ulp, as all terms have one sign.
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/mse_loss.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Square {
  static constexpr int kIn = 2, kOut = 1;
  explicit Square(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V difference = hn::Sub(in[0], in[1]);
    out[0] = hn::Mul(difference, difference);
  }
};

struct Gradient {
  static constexpr int kIn = 3, kOut = 2;
  explicit Gradient(const double* parameters) : n(Num(parameters[0])) {}
  HWY_INLINE void operator()(const V* in, V* out) const {
    const V difference = hn::Sub(in[1], in[2]);
    out[0] = hn::Div(hn::Mul(hn::Add(difference, difference), in[0]), n);
    out[1] = hn::Neg(out[0]);
  }
  V n;
};

TermLanes LossLanes() { return TermLanesOf<Square>(); }
StreamLanes GradientLanes() { return StreamLanesOf<Gradient>(); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(LossLanes);
HWY_EXPORT(GradientLanes);

TermLanes lanes() { return HWY_DYNAMIC_DISPATCH(LossLanes)(); }
StreamLanes gradient_lanes() { return HWY_DYNAMIC_DISPATCH(GradientLanes)(); }

bool printed(const Arguments& a) { return a.is("form", "printed"); }  // the sum, whatever the reduction

void prepare(const Arguments& a, std::int64_t n, double* p) { p[0] = !printed(a) && a.is("reduction", "mean") ? static_cast<double>(n) : 1; }

const Terms row({.about = {.op = "mse_loss", .kernel = "partial_sums"},
                 .tensors = {{"x", Stream::in}, {"t", Stream::in}},
                 .functions = functions_of<lanes>(),
                 .prepare = prepare,
                 .finish = [](double sum, std::int64_t, const double* p) { return sum / p[0]; },
                 .each = [](const Arguments& a) { return !printed(a) && a.is("reduction", "none"); }});

const Streams backward({.about = {.op = "mse_loss_backward", .kernel = "one_pass"},
                        .tensors = {{"dy", Stream::broadcast}, {"x", Stream::in}, {"t", Stream::in}, {"dx", Stream::out}, {"dt", Stream::out}},
                        .functions = functions_of<gradient_lanes>(),
                        .prepare = prepare});

}  // namespace
}  // namespace karat::kernels
#endif
