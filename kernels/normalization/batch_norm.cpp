// SPDX-License-Identifier: MIT
// batch_norm:           y = γ(x − μ)/√(σ² + ε) + β, μ and the biased σ² of each channel of the batch
// batch_norm_backward:  dx = γr(dy − mean(dy) − x̂·mean(dy·x̂)),  dγ = Σdy·x̂,  dβ = Σdy;  r = 1/√(σ² + ε), x̂ = (x − μ)r
// batch_norm_backward_from_statistics:  the same from a saved μ and r
// batch_norm_statistics:  running ← (1 − m)·running + m·statistic
//
// As printed: y = (x − μ)/v, v = mean((x − 1/n)²) = σ² + (μ − 1/n)², and
// dx = (dy − mean(dy))/v − 2(x − 1/n)/n·Σdy(x − μ)/v²; γ and β have no part in it.
//
// Method: one pass for all sums of a channel (moments.hpp), one for its elements.  What is one number a channel is
// computed in pairs of doubles.  f32, f16, bf16: elements in double, 0.5 ulp and 2^-28 of the terms that cancel.
// f64: elements in pairs, 0.5 ulp and 2^-90 of the terms that cancel.
#include "kernels/normalization/channels.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

void require_channels(const karat_tensor& t, const Channels& channels) {
  require(t.rank == 1 && t.shape[0] == channels.count(), "a tensor has not one element a channel");
  require(is_dense(t), "a tensor has gaps");
}

double epsilon(const Arguments& a) {
  const double eps = a.number("eps");
  require(eps >= 0 && std::isfinite(eps), "eps is negative or not finite");
  return eps;
}

bool printed(const Arguments& a) {
  require(a.is("form", "standard") || a.is("form", "printed"), "form is standard or printed");
  return a.is("form", "printed");
}

// 1/n, and v.
Sum one_over(double n) { return over({1}, {n}); }
Sum printed_variance(const ChannelSums& s) {
  const Sum shift = minus(s.mean, one_over(s.n));
  return plus(over(s.squares, {s.n}), times(shift, shift));
}

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& a)
      : x_(a.tensor("x", KARAT_INPUT, dtype)),
        gamma_(a.tensor("gamma", KARAT_INPUT, dtype)),
        beta_(a.tensor("beta", KARAT_INPUT, dtype)),
        y_(a.tensor("y", KARAT_OUTPUT, dtype)),
        channels_(dtype, x_),
        eps_(epsilon(a)),
        printed_(printed(a)),
        arguments_(a) {
    require_channels(gamma_, channels_);
    require_channels(beta_, channels_);
    require(shape_of(y_) == shape_of(x_) && is_dense(y_), "y is not x's like");
  }
  std::size_t scratch_bytes() const { return channels_.scratch_bytes(); }
  void run() const {
    channels_.run({.reduction = ChannelReduction::x,
                   .map = ChannelMap::affine,
                   .x = x_.data,
                   .out = y_.data,
                   .finish =
                       [&](std::int64_t c, const ChannelSums& s) {
                         if (printed_) return ChannelCoefficients{s.mean, over({1}, printed_variance(s)), {}, {}};
                         const Sum r = reciprocal_deviation(s.squares, s.n, eps_);
                         return ChannelCoefficients{s.mean, times({load_element(gamma_, c)}, r), {load_element(beta_, c)}, {}};
                       },
                   .threads = arguments_.threads(),
                   .scratch = arguments_.scratch()});
  }

 private:
  const karat_tensor &x_, &gamma_, &beta_, &y_;
  Channels channels_;
  double eps_;
  bool printed_;
  Arguments arguments_;
};

// dy, x, γ, and dx, dγ, dβ.
class Gradients {
 public:
  Gradients(std::int32_t dtype, const Arguments& a)
      : dy_(a.tensor("dy", KARAT_INPUT, dtype)),
        x_(a.tensor("x", KARAT_INPUT, dtype)),
        gamma_(a.tensor("gamma", KARAT_INPUT, dtype)),
        dx_(a.tensor("dx", KARAT_OUTPUT, dtype)),
        dgamma_(a.tensor("dgamma", KARAT_OUTPUT, dtype)),
        dbeta_(a.tensor("dbeta", KARAT_OUTPUT, dtype)),
        channels_(dtype, x_),
        arguments_(a) {
    for (const karat_tensor* t : {&dy_, &dx_}) require(shape_of(*t) == shape_of(x_) && is_dense(*t), "dy or dx is not x's like");
    for (const karat_tensor* t : {&gamma_, &dgamma_, &dbeta_}) require_channels(*t, channels_);
  }
  std::size_t scratch_bytes() const { return channels_.scratch_bytes(); }

 protected:
  template <class Finish>
  void run(ChannelReduction reduction, const karat_tensor* centres, const Finish& finish) const {
    channels_.run({.reduction = reduction,
                   .map = ChannelMap::gradient,
                   .x = x_.data,
                   .dy = dy_.data,
                   .out = dx_.data,
                   .centres = centres,
                   .finish = finish,
                   .threads = arguments_.threads(),
                   .scratch = arguments_.scratch()});
  }
  // dγ = r·Σdy(x − μ), dβ, and dx = γr((dy − mean(dy)) − (x − μ)·r²·Σdy(x − μ)/n).
  ChannelCoefficients standard(std::int64_t c, const ChannelSums& s, Sum r) const {
    const Sum dgamma = times(s.products, r), n = {s.n};
    store_element(dgamma_, c, total(s.of_dy(dgamma)));
    store_element(dbeta_, c, total(s.of_dy(s.dy)));
    return {s.mean, times({load_element(gamma_, c)}, r), over(s.dy, n), over(times(dgamma, r), n)};
  }

  const karat_tensor &dy_, &x_, &gamma_, &dx_, &dgamma_, &dbeta_;
  Channels channels_;
  Arguments arguments_;
};

class Backward : public Gradients {
 public:
  Backward(std::int32_t dtype, const Arguments& a) : Gradients(dtype, a), eps_(epsilon(a)), printed_(printed(a)) {
    require_channels(a.tensor("beta", KARAT_INPUT, dtype), channels_);
  }
  void run() const {
    Gradients::run(ChannelReduction::both, nullptr, [&](std::int64_t c, const ChannelSums& s) {
      const Sum n = {s.n};
      if (!printed_) return standard(c, s, reciprocal_deviation(s.squares, s.n, eps_));
      store_element(dgamma_, c, 0);
      store_element(dbeta_, c, 0);
      const Sum v = printed_variance(s);
      return ChannelCoefficients{one_over(s.n), over({1}, v), over(s.dy, n), over(over(times({2}, s.products), n), v)};
    });
  }

 private:
  double eps_;
  bool printed_;
};

class FromStatistics : public Gradients {
 public:
  FromStatistics(std::int32_t dtype, const Arguments& a)
      : Gradients(dtype, a), mean_(a.tensor("mean", KARAT_INPUT, dtype)), rstd_(a.tensor("rstd", KARAT_INPUT, dtype)) {
    require_channels(mean_, channels_);
    require_channels(rstd_, channels_);
  }
  void run() const {
    Gradients::run(ChannelReduction::about, &mean_,
                   [&](std::int64_t c, const ChannelSums& s) { return standard(c, s, {load_element(rstd_, c)}); });
  }

 private:
  const karat_tensor &mean_, &rstd_;
};

class Statistics {
 public:
  Statistics(std::int32_t dtype, const Arguments& a)
      : x_(a.tensor("x", KARAT_INPUT, dtype)),
        mean_(a.tensor("running_mean", KARAT_INOUT, dtype)),
        variance_(a.tensor("running_var", KARAT_INOUT, dtype)),
        channels_(dtype, x_),
        momentum_(a.number("momentum")),
        unbiased_(a.is("variance", "unbiased")),
        arguments_(a) {
    require_channels(mean_, channels_);
    require_channels(variance_, channels_);
    require(momentum_ >= 0 && momentum_ <= 1, "momentum is not from 0 to 1");
    require(unbiased_ || a.is("variance", "biased"), "variance is unbiased or biased");
    require(!unbiased_ || channels_.count() == 0 || channels_.values() >= 2, "the unbiased variance needs two values a channel");
  }
  std::size_t scratch_bytes() const { return channels_.scratch_bytes(); }
  void run() const {
    const Sum kept = two_sum(1, -momentum_);
    const auto move = [&](const karat_tensor& running, std::int64_t c, Sum statistic) {
      store_element(running, c, total(plus(times(kept, {load_element(running, c)}), times({momentum_}, statistic))));
    };
    channels_.run({.reduction = ChannelReduction::x,
                   .x = x_.data,
                   .finish =
                       [&](std::int64_t c, const ChannelSums& s) {
                         move(mean_, c, s.mean);
                         move(variance_, c, over(s.squares, {unbiased_ ? s.n - 1 : s.n}));
                         return ChannelCoefficients{};
                       },
                   .threads = arguments_.threads(),
                   .scratch = arguments_.scratch()});
  }

 private:
  const karat_tensor &x_, &mean_, &variance_;
  Channels channels_;
  double momentum_;
  bool unbiased_;
  Arguments arguments_;
};

const Planned<Forward> forward({.op = "batch_norm", .kernel = "merged_blocks", .capabilities = kDense});
const Planned<Backward> backward({.op = "batch_norm_backward", .kernel = "merged_blocks", .capabilities = kDense});
const Planned<FromStatistics> from_statistics({.op = "batch_norm_backward_from_statistics", .kernel = "two_pass", .capabilities = kDense});
const Planned<Statistics> statistics({.op = "batch_norm_statistics", .kernel = "merged_blocks", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
