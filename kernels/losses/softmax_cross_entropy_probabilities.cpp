// SPDX-License-Identifier: MIT
// softmax_cross_entropy_probabilities, of logits x: (N, C), probabilities t: (N, C), weights w: (C) or absent,
// with u_c = w_c·((1 − ε)·t_c + ε/C), terms of which with target 0 vanish:
//   L_n = −Σ_c u_c·log s_c = log S·Σ u_c + Σ u_c·(m − x_c),  S = Σ e^(x_c − m),
// the rows' sum, their mean, or each.
// softmax_cross_entropy_probabilities_backward:  dx_c = g·(e_c/S·Σ u − u_c),  g = dy, over N for the mean.
//
// Method: as softmax_cross_entropy; neither sum of the loss has a negative term.  f32, f16 and bf16 take exponentials in
// f32 (logits-inl.h has their error), all else in double, and round once; f64 keeps S to 2^-56 and the roundings of sums.
#include "kernels/losses/logits.hpp"

#include "kernels/blocks.hpp"
#include "kernels/operator.hpp"

#ifndef KARAT_KERNELS_SOFTMAX_CROSS_ENTROPY_PROBABILITIES_  // this file is read once a target
#define KARAT_KERNELS_SOFTMAX_CROSS_ENTROPY_PROBABILITIES_
namespace karat::kernels {
namespace {

struct ProbabilityRows {
  std::int32_t dtype;
  std::int64_t classes;
  const void *x, *t;
  double smoothing;
  const double* weights;
  double share() const { return smoothing / static_cast<double>(classes); }
};

}  // namespace
}  // namespace karat::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/softmax_cross_entropy_probabilities.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/logits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// The smoothed target (1 − ε)·t + ε/C.
struct Smoothed {
  V kept, share;
  explicit HWY_INLINE Smoothed(const ProbabilityRows& rows) : kept(Num(1 - rows.smoothing)), share(Num(rows.share())) {}
  HWY_INLINE V operator()(V t) const { return hn::MulAdd(kept, t, share); }
};

// Whether every target of the row is 0: then it has no loss, whatever its logits are.
template <class T>
bool Vanishes(const ProbabilityRows& rows, RowsIn<T>& t, std::int64_t row) {
  for (std::int64_t c = 0; c < rows.classes; ++c)
    if (!((1 - rows.smoothing) * t.element(row, c) + rows.share() == 0)) return false;
  return true;
}

// Σ u_c, and Σ u_c·(m − x_c).
struct TargetSums {
  double weights, gaps;
};

template <class T>
TargetSums SumTargets(const ProbabilityRows& rows, RowsIn<T>& x, RowsIn<T>& t, std::int64_t row, T max) {
  const Smoothed smoothed(rows);
  const V m = Num(static_cast<double>(max));
  TermSum<T> weights = NoTerms<T>(), gaps = weights;
  for (std::int64_t i = 0; i < x.number(); ++i) {
    const RowChunk chunk = x.chunk(i);
    const T *const logits = x.read(row, chunk), *const targets = t.read(row, chunk);
    for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
      const V target = smoothed(ElementsOr(targets, c, chunk.n, T(0)));
      const V gap = hn::Sub(m, ElementsOr(logits, c, chunk.n, max));
      const M none = hn::Eq(target, Num(0));
      const V u = hn::IfThenZeroElse(none, hn::Mul(Load(rows.weights + chunk.begin + c), target));
      weights.Add(u);
      gaps.Add(hn::Mul(u, hn::IfThenZeroElse(none, gap)));
    }
  }
  return {TotalOf(weights), TotalOf(gaps)};
}

template <class T>
void ForwardRows(const ProbabilityRows& rows, std::int64_t begin, std::int64_t end, double* losses) {
  RowsIn<T> x(rows.dtype, rows.x, rows.classes), t(rows.dtype, rows.t, rows.classes);
  alignas(64) T e[kRowChunk];
  alignas(64) double logs[Losses::kBlock] = {};
  TargetSums sums[Losses::kBlock];
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t i = row - begin;
    const WeighedRow<T> weighed = WeighRow(x, row, e);
    if (!weighed.peak.valid && Vanishes(rows, t, row)) {
      sums[i] = {0, 0};
      continue;
    }
    sums[i] = SumTargets(rows, x, t, row, weighed.peak.max);
    logs[i] = weighed.rest();
  }
  LogSums(logs, end - begin);
  for (std::int64_t i = 0; i < end - begin; ++i) losses[i] = logs[i] * sums[i].weights + sums[i].gaps;
}

// u of a chunk, and to the end of a vector; adds to their sum.
template <class T>
HWY_INLINE void WeighTargets(const ProbabilityRows& rows, const T* t, const RowChunk& chunk, double* u, TermSum<T>& sum) {
  const Smoothed smoothed(rows);
  for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
    const V target = smoothed(ElementsOr(t, c, chunk.n, T(0)));
    const V u_c = hn::IfThenZeroElse(hn::Eq(target, Num(0)), hn::Mul(Load(rows.weights + chunk.begin + c), target));
    Store(u_c, u + c);
    sum.Add(u_c);
  }
}

template <class T>
void BackwardRows(const ProbabilityRows& rows, const double* dy, std::int64_t begin, std::int64_t end, void* dx) {
  RowsIn<T> x(rows.dtype, rows.x, rows.classes), t(rows.dtype, rows.t, rows.classes);
  RowsOut<T> out(rows.dtype, dx, rows.classes);
  alignas(64) T buffer[kRowChunk];
  alignas(64) double u[kRowChunk];
  for (std::int64_t row = begin; row < end; ++row) {
    T* const e = out.exponentials(row, buffer);
    const WeighedRow<T> weighed = WeighRow(x, row, e);
    if (!weighed.peak.valid) {
      out.fill(row, Vanishes(rows, t, row) ? 0 : std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    TermSum<T> sum = NoTerms<T>();
    for (std::int64_t i = 0; i < x.number(); ++i) {
      const RowChunk chunk = x.chunk(i);
      WeighTargets(rows, t.read(row, chunk), chunk, u, sum);
    }
    const long double g = dy[row - begin];
    const Scaling scaling = ScalingOf<T>(g * TotalOf(sum) / total(weighed.sum));
    for (std::int64_t i = 0; i < x.number(); ++i) {
      const RowChunk chunk = x.chunk(i);
      if (!x.one()) {
        ExpRow(x.read(row, chunk), chunk.n, weighed.peak.max, e);
        WeighTargets(rows, t.read(row, chunk), chunk, u, sum);
      }
      ScaleAndSubtractRow(e, u, chunk.n, scaling, g, out.start(row, chunk));
      out.finish(row, chunk);
    }
  }
}

void ForwardFloats(const ProbabilityRows& rows, std::int64_t begin, std::int64_t end, double* losses) {
  ForwardRows<float>(rows, begin, end, losses);
}
void ForwardDoubles(const ProbabilityRows& rows, std::int64_t begin, std::int64_t end, double* losses) {
  ForwardRows<double>(rows, begin, end, losses);
}
void BackwardFloats(const ProbabilityRows& rows, const double* dy, std::int64_t begin, std::int64_t end, void* dx) {
  BackwardRows<float>(rows, dy, begin, end, dx);
}
void BackwardDoubles(const ProbabilityRows& rows, const double* dy, std::int64_t begin, std::int64_t end, void* dx) {
  BackwardRows<double>(rows, dy, begin, end, dx);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ForwardFloats);
HWY_EXPORT(ForwardDoubles);
HWY_EXPORT(BackwardFloats);
HWY_EXPORT(BackwardDoubles);

// What both calls are made of.
class Logits {
 public:
  Logits(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        x_(dense(arguments, "x", KARAT_INPUT, dtype)),
        t_(dense(arguments, "t", KARAT_INPUT, dtype)),
        smoothing_(smoothing_of(arguments)),
        weights_(dtype, arguments, classes_of(x_)) {
    require(shape_of(t_) == shape_of(x_), "t has not the shape of x");
  }
  std::int64_t rows() const { return x_.shape[0]; }
  std::int64_t classes() const { return x_.shape[1]; }
  std::size_t scratch_bytes() const { return weights_.scratch_bytes(); }
  ProbabilityRows read(std::byte* scratch) {
    weights_.read(scratch);
    return {dtype_, classes(), x_.data, t_.data, smoothing_, weights_.values()};
  }

 private:
  static std::int64_t classes_of(const karat_tensor& x) {
    require(x.rank == 2, "x is not of rank 2");
    return x.shape[1];
  }
  std::int32_t dtype_;
  const karat_tensor &x_, &t_;
  double smoothing_;
  ClassWeights weights_;
};

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        arguments_(arguments),
        logits_(dtype, arguments),
        losses_(dtype, arguments, {logits_.rows()}, logits_.classes()) {}
  std::size_t scratch_bytes() const { return logits_.scratch_bytes() + losses_.scratch_bytes(); }
  void run() {
    const ProbabilityRows rows = logits_.read(arguments_.scratch());
    losses_.run(arguments_.scratch() + logits_.scratch_bytes(), arguments_.threads(),
                [&](std::int64_t begin, std::int64_t end, double* losses) {
                  if (dtype_ == KARAT_F64)
                    HWY_DYNAMIC_DISPATCH(ForwardDoubles)(rows, begin, end, losses);
                  else
                    HWY_DYNAMIC_DISPATCH(ForwardFloats)(rows, begin, end, losses);
                });
  }

 private:
  std::int32_t dtype_;
  Arguments arguments_;
  Logits logits_;
  Losses losses_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        arguments_(arguments),
        logits_(dtype, arguments),
        gradients_(dtype, arguments, {logits_.rows()}, logits_.classes()),
        dx_(dense(arguments, "dx", KARAT_OUTPUT, dtype)) {
    require(shape_of(dx_) == Shape{logits_.rows(), logits_.classes()}, "dx has not the shape of x");
  }
  std::size_t scratch_bytes() const { return logits_.scratch_bytes(); }
  void run() {
    const ProbabilityRows rows = logits_.read(arguments_.scratch());
    gradients_.run(arguments_.threads(), [&](std::int64_t begin, std::int64_t end, const double* dy) {
      if (dtype_ == KARAT_F64)
        HWY_DYNAMIC_DISPATCH(BackwardDoubles)(rows, dy, begin, end, dx_.data);
      else
        HWY_DYNAMIC_DISPATCH(BackwardFloats)(rows, dy, begin, end, dx_.data);
    });
  }

 private:
  std::int32_t dtype_;
  Arguments arguments_;
  Logits logits_;
  LossGradients gradients_;
  const karat_tensor& dx_;
};

const Planned<Forward> row({.op = "softmax_cross_entropy_probabilities",
                            .kernel = "cached_exponentials",
                            .capabilities = kDense});
const Planned<Backward> backward_row({.op = "softmax_cross_entropy_probabilities_backward",
                                      .kernel = "cached_exponentials",
                                      .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
