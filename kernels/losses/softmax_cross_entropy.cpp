// SPDX-License-Identifier: MIT
// softmax_cross_entropy, of logits x: (N, C), classes t: (N), weights w: (C) or absent:
//   L_n = (1 − ε)·w_t·l_t + ε/C·Σ_c w_c·l_c,  l_c = −log s_c = log S + (m − x_c),  S = Σ e^(x_c − m),
// the rows' sum, their mean over Σ w_t, or each; rows whose target is ignore_index count 0.
// softmax_cross_entropy_backward, g = dy, over Σ w_t for the mean:
//   dx_c = (e_c/S)·a − w_c·b,  a = g·((1 − ε)·w_t + ε/C·Σ w),  b = g·ε/C,  and at c = t, with S − e_t = Σ_{c ≠ t} e_c,
//   dx_t = g·(ε/C·(e_t/S·Σ w − w_t) − (1 − ε)·w_t·(S − e_t)/S).
//
// Method: a row at a time, maximum and exponentials, whose values the gradient keeps in a first-level cache (rows of
// more than 2048 classes: takes again); no term cancels but where the formula does, so that a confident row's loss
// and gradient keep their digits.  f32, f16 and bf16 take exponentials in f32 (logits-inl.h has their error), all else
// in double, and round once; f64 keeps S to 2^-56.
#include "kernels/losses/logits.hpp"

#include <optional>

#include "kernels/blocks.hpp"
#include "kernels/operator.hpp"

#ifndef KARAT_KERNELS_SOFTMAX_CROSS_ENTROPY_  // this file is read once a target
#define KARAT_KERNELS_SOFTMAX_CROSS_ENTROPY_
namespace karat::kernels {
namespace {

struct IndexedRows {
  std::int32_t dtype;
  std::int64_t classes;
  const void* x;
  const std::int64_t* targets;
  std::int64_t ignored;
  double smoothing;
  const double* weights;  // nullptr: all 1
  double all_weights;

  double weight(std::int64_t c) const { return weights == nullptr ? 1 : weights[c]; }
  double share() const { return smoothing / static_cast<double>(classes); }
  // The target of a row; nothing where it is ignored.
  std::optional<std::int64_t> target(std::int64_t row) const {
    const std::int64_t t = targets[row];
    if (t == ignored) return std::nullopt;
    require(t >= 0 && t < classes, "a target is no class");
    return t;
  }
};

}  // namespace
}  // namespace karat::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/softmax_cross_entropy.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/logits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Σ w_c·(m − x_c), none of whose terms is negative.
template <class T>
double SumOfGaps(RowsIn<T>& x, std::int64_t row, T max, const double* weights) {
  const V m = Num(static_cast<double>(max));
  TermSum<T> sum = NoTerms<T>();
  for (std::int64_t i = 0; i < x.number(); ++i) {
    const RowChunk chunk = x.chunk(i);
    const T* const values = x.read(row, chunk);
    for (size_t c = 0; c < chunk.n; c += hn::Lanes(D())) {
      const V gap = hn::Sub(m, ElementsOr(values, c, chunk.n, max));
      sum.Add(hn::Mul(Load(weights + chunk.begin + c), gap));
    }
  }
  return TotalOf(sum);
}

template <class T>
void ForwardRows(const IndexedRows& rows, std::int64_t begin, std::int64_t end, double* losses) {
  RowsIn<T> x(rows.dtype, rows.x, rows.classes);
  alignas(64) T e[kRowChunk];
  alignas(64) double logs[Losses::kBlock] = {}, own_gaps[Losses::kBlock], all_gaps[Losses::kBlock];
  for (std::int64_t row = begin; row < end; ++row) {
    const std::optional<std::int64_t> target = rows.target(row);
    if (!target) continue;
    const std::int64_t i = row - begin;
    const WeighedRow<T> weighed = WeighRow(x, row, e);
    const auto max = static_cast<double>(weighed.peak.max);
    logs[i] = weighed.rest();
    own_gaps[i] = max - x.element(row, *target);
    all_gaps[i] = rows.smoothing == 0 ? 0 : SumOfGaps(x, row, weighed.peak.max, rows.weights);
  }
  LogSums(logs, end - begin);
  for (std::int64_t row = begin; row < end; ++row) {
    const std::int64_t i = row - begin;
    const std::optional<std::int64_t> target = rows.target(row);
    losses[i] = target ? (1 - rows.smoothing) * rows.weight(*target) * (logs[i] + own_gaps[i]) : 0;
    if (target && rows.smoothing != 0) losses[i] += rows.share() * (rows.all_weights * logs[i] + all_gaps[i]);
  }
}

template <class T>
void BackwardRows(const IndexedRows& rows, const double* dy, double divisor, std::int64_t begin, std::int64_t end, void* dx) {
  RowsIn<T> x(rows.dtype, rows.x, rows.classes);
  RowsOut<T> out(rows.dtype, dx, rows.classes);
  alignas(64) T buffer[kRowChunk];
  for (std::int64_t row = begin; row < end; ++row) {
    const std::optional<std::int64_t> target = rows.target(row);
    if (!target) {
      out.fill(row, 0);
      continue;
    }
    T* const e = out.exponentials(row, buffer);
    const WeighedRow<T> weighed = WeighRow(x, row, e);
    if (!weighed.peak.valid) {
      out.fill(row, std::numeric_limits<T>::quiet_NaN());
      continue;
    }
    const long double g = static_cast<long double>(dy[row - begin]) / divisor, s = total(weighed.sum);
    const long double hard = (1 - rows.smoothing) * static_cast<long double>(rows.weight(*target)), share = rows.share();
    const Scaling scaling = ScalingOf<T>(g * (rows.smoothing == 0 ? hard : hard + share * rows.all_weights) / s);
    for (std::int64_t i = 0; i < x.number(); ++i) {
      const RowChunk chunk = x.chunk(i);
      if (!x.one()) ExpRow(x.read(row, chunk), chunk.n, weighed.peak.max, e);
      const std::int64_t t = *target - chunk.begin;
      const bool inside = t >= 0 && t < static_cast<std::int64_t>(chunk.n);
      const double e_t = inside ? static_cast<double>(e[t]) / kUnit<T> : 0;
      T* const to = out.start(row, chunk);
      if (rows.smoothing == 0)
        ScaleRow(e, chunk.n, scaling, to);
      else
        ScaleAndSubtractRow(e, rows.weights + chunk.begin, chunk.n, scaling, g * share, to);
      if (inside) {
        const long double others = e_t == 1 ? weighed.rest() : (weighed.sum.hi - e_t) + weighed.sum.lo;
        long double d = -hard * others / s;
        if (rows.smoothing != 0) d += share * (e_t / s * rows.all_weights - rows.weight(*target));
        to[t] = static_cast<T>(g * d);
      }
      out.finish(row, chunk);
    }
  }
}

void ForwardFloats(const IndexedRows& rows, std::int64_t begin, std::int64_t end, double* losses) {
  ForwardRows<float>(rows, begin, end, losses);
}
void ForwardDoubles(const IndexedRows& rows, std::int64_t begin, std::int64_t end, double* losses) {
  ForwardRows<double>(rows, begin, end, losses);
}
void BackwardFloats(const IndexedRows& rows, const double* dy, double divisor, std::int64_t begin, std::int64_t end, void* dx) {
  BackwardRows<float>(rows, dy, divisor, begin, end, dx);
}
void BackwardDoubles(const IndexedRows& rows, const double* dy, double divisor, std::int64_t begin, std::int64_t end, void* dx) {
  BackwardRows<double>(rows, dy, divisor, begin, end, dx);
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
        x_(matrix(dense(arguments, "x", KARAT_INPUT, dtype))),
        t_(dense(arguments, "t", KARAT_INPUT, KARAT_I64)),
        rows_(x_.shape[0]),
        classes_(x_.shape[1]),
        smoothing_(smoothing_of(arguments)),
        ignored_(arguments.integer("ignore_index")),
        zero_(arguments.is("all_ignored", "zero")),
        weights_(dtype, arguments, classes_),
        threads_(arguments.threads()) {
    require(shape_of(t_) == Shape{rows_}, "t is not one class a row");
    require(zero_ || arguments.is("all_ignored", "nan"), "all_ignored is nan or zero");
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t classes() const { return classes_; }
  int threads() const { return threads_; }
  bool zero_if_all_ignored() const { return zero_; }

  std::size_t scratch_bytes() const {
    return weights_.scratch_bytes() + static_cast<std::size_t>(kept_parts().number()) * sizeof(Kept);
  }
  IndexedRows read(std::byte* scratch) {
    if (!weights_.absent() || smoothing_ != 0) weights_.read(scratch);
    return {dtype_,   classes_,   x_.data,           static_cast<const std::int64_t*>(t_.data),
            ignored_, smoothing_, weights_.values(), weights_.total()};
  }

  // Of the rows that are not ignored.
  struct Kept {
    Sum weights;
    std::int64_t rows = 0;
  };
  Kept kept(const IndexedRows& all, std::byte* scratch) const {
    auto* const parts = reinterpret_cast<Kept*>(scratch + weights_.scratch_bytes());
    const Parts p = kept_parts();
    for_each_part(p.count, p.grain, threads_, [&](std::int64_t begin, std::int64_t end) {
      Kept kept;
      for (std::int64_t row = begin; row < end; ++row) {
        const std::optional<std::int64_t> target = all.target(row);
        if (!target) continue;
        ++kept.rows;
        if (!weights_.absent()) kept.weights = add_terms(kept.weights, Sum{all.weight(*target)});
      }
      parts[begin / p.grain] = kept;
    });
    Kept kept;
    for (std::int64_t i = 0; i < p.number(); ++i) {
      kept.rows += parts[i].rows;
      kept.weights = add_terms(kept.weights, parts[i].weights);
    }
    if (weights_.absent()) kept.weights = {static_cast<double>(kept.rows), 0};
    return kept;
  }

 private:
  static const karat_tensor& matrix(const karat_tensor& t) {
    require(t.rank == 2, "x is not of rank 2");
    return t;
  }
  Parts kept_parts() const { return Parts::of(rows_, 1); }

  std::int32_t dtype_;
  const karat_tensor &x_, &t_;
  std::int64_t rows_, classes_;
  double smoothing_;
  std::int64_t ignored_;
  bool zero_;
  ClassWeights weights_;
  int threads_;
};

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        scratch_(arguments.scratch()),
        logits_(dtype, arguments),
        losses_(dtype, arguments, {logits_.rows()}, logits_.classes()) {}
  std::size_t scratch_bytes() const { return logits_.scratch_bytes() + losses_.scratch_bytes(); }
  void run() {
    const IndexedRows rows = logits_.read(scratch_);
    double divisor = 1;
    if (losses_.reduction() == Reduction::mean) {
      const Logits::Kept kept = logits_.kept(rows, scratch_);
      if (kept.rows == 0 && logits_.zero_if_all_ignored()) return losses_.store(0);
      divisor = total(kept.weights);
    }
    losses_.run(scratch_ + logits_.scratch_bytes(), logits_.threads(), divisor,
                [&](std::int64_t begin, std::int64_t end, double* losses) {
                  if (dtype_ == KARAT_F64)
                    HWY_DYNAMIC_DISPATCH(ForwardDoubles)(rows, begin, end, losses);
                  else
                    HWY_DYNAMIC_DISPATCH(ForwardFloats)(rows, begin, end, losses);
                });
  }

 private:
  std::int32_t dtype_;
  std::byte* scratch_;
  Logits logits_;
  Losses losses_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        scratch_(arguments.scratch()),
        logits_(dtype, arguments),
        gradients_(dtype, arguments, {logits_.rows()}, logits_.classes()),
        dx_(dense(arguments, "dx", KARAT_OUTPUT, dtype)) {
    require(shape_of(dx_) == Shape{logits_.rows(), logits_.classes()}, "dx has not the shape of x");
  }
  std::size_t scratch_bytes() const { return logits_.scratch_bytes(); }
  void run() {
    const IndexedRows rows = logits_.read(scratch_);
    const bool mean = gradients_.reduction() == Reduction::mean;
    const double divisor = mean ? total(logits_.kept(rows, scratch_).weights) : 1;
    // The divisor meets dy in an extended format, together with the weights.
    gradients_.run(logits_.threads(), 1, [&](std::int64_t begin, std::int64_t end, const double* dy) {
      if (dtype_ == KARAT_F64)
        HWY_DYNAMIC_DISPATCH(BackwardDoubles)(rows, dy, divisor, begin, end, dx_.data);
      else
        HWY_DYNAMIC_DISPATCH(BackwardFloats)(rows, dy, divisor, begin, end, dx_.data);
    });
  }

 private:
  std::int32_t dtype_;
  std::byte* scratch_;
  Logits logits_;
  LossGradients gradients_;
  const karat_tensor& dx_;
};

const Planned<Forward> row({.op = "softmax_cross_entropy", .kernel = "cached_exponentials", .capabilities = kDense});
const Planned<Backward> backward_row({.op = "softmax_cross_entropy_backward",
                                      .kernel = "cached_exponentials",
                                      .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
