// SPDX-License-Identifier: MIT
// linear_regression_loss, of samples X: (N, D), Y: (N), θ: (D), r_n = y_n − Σ_d x_nd·θ_d:  L = Σ r_n², or their mean.
// linear_regression_loss_backward:  dθ_d = −2·dy·Σ_n r_n·x_nd, divided by N for the mean.
//
// Method: four samples at a time.  The gradient reads X once where a sample is one chunk (2048 numbers), otherwise once
// for the residuals and once chunk by chunk; parts of samples have sums of their own, added up in their order.  f64
// keeps the roundings of products and sums (each residual and each sum as if taken in twice the precision and rounded
// once); f32, f16 and bf16 in double, where their products are exact, rounded once.
#include <algorithm>

#include "kernels/blocks.hpp"
#include "kernels/losses/logits.hpp"
#include "kernels/operator.hpp"

#ifndef KARAT_KERNELS_LINEAR_REGRESSION_LOSS_  // this file is read once a target
#define KARAT_KERNELS_LINEAR_REGRESSION_LOSS_
namespace karat::kernels {
namespace {

struct Samples {
  std::int32_t dtype;
  std::int64_t number, length;
  const void *x, *y;
  const double* theta;  // zeros behind it to the end of a vector
};

constexpr std::int64_t kTogether = 4;  // samples

// Sums of a chunk's columns, and what their roundings left.
struct ColumnSums {
  alignas(64) double hi[kRowChunk], lo[kRowChunk];
};

}  // namespace
}  // namespace karat::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/linear_regression_loss.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/losses/logits-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE void AddProduct(PlainSum& sum, V a, V b) { sum.sum = hn::MulAdd(a, b, sum.sum); }
HWY_INLINE void AddProduct(Accumulator& sum, V a, V b) { sum.Add(TwoProduct(a, b)); }

template <class T>
struct Readers {
  explicit Readers(const Samples& s)
      : x{{s.dtype, s.x, s.length}, {s.dtype, s.x, s.length}, {s.dtype, s.x, s.length}, {s.dtype, s.x, s.length}} {}
  RowsIn<T> x[kTogether];
};

// Calls body(i, whole) for each vector of a chunk.
template <class Body>
HWY_INLINE void ForVectors(size_t n, const Body& body) {
  size_t i = 0;
  for (; i + hn::Lanes(D()) <= n; i += hn::Lanes(D())) body(i, std::true_type());
  if (i < n) body(i, std::false_type());
}
template <class T, class Whole>
HWY_INLINE V ElementsAt(const T* p, size_t i, size_t n, Whole) {
  if constexpr (Whole::value)
    return LoadElements(p + i);
  else
    return ElementsOr(p, i, n, T(0));
}

// r of kCount samples.
template <int kCount, class T>
HWY_INLINE void ResidualsOf(const Samples& samples, Readers<T>& readers, std::int64_t first, double* r) {
  TermSum<T> sums[kCount];
  for (auto& sum : sums) sum = NoTerms<T>();
  for (std::int64_t chunk_i = 0; chunk_i < readers.x[0].number(); ++chunk_i) {
    const RowChunk chunk = readers.x[0].chunk(chunk_i);
    const double* const theta = samples.theta + chunk.begin;
    const T* x[kCount];
    for (int k = 0; k < kCount; ++k) x[k] = readers.x[k].read(first + k, chunk);
    ForVectors(chunk.n, [&](size_t i, auto whole) HWY_ATTR {
      const V factor = Load(theta + i);
      for (int k = 0; k < kCount; ++k) AddProduct(sums[k], ElementsAt(x[k], i, chunk.n, whole), factor);
    });
  }
  double y[kCount];
  widen(samples.dtype, static_cast<const std::byte*>(samples.y) + first * static_cast<std::int64_t>(element_size(samples.dtype)),
        kCount, y);
  for (int k = 0; k < kCount; ++k) r[k] = total(add_terms(Sum{y[k], 0}, -SumOf(sums[k])));
}

template <class T>
void Residuals(const Samples& samples, std::int64_t begin, std::int64_t end, double* r) {
  Readers<T> readers(samples);
  for (; begin + kTogether <= end; begin += kTogether, r += kTogether) ResidualsOf<kTogether>(samples, readers, begin, r);
  for (; begin < end; ++begin, ++r) ResidualsOf<1>(samples, readers, begin, r);
}

// Adds r_n·x_n of kCount samples to a chunk's sums.
template <int kCount, class T>
HWY_INLINE void AddColumns(Readers<T>& readers, std::int64_t first, const RowChunk& chunk, const double* r, ColumnSums& sums) {
  const T* x[kCount];
  V factor[kCount];
  for (int k = 0; k < kCount; ++k) {
    x[k] = readers.x[k].read(first + k, chunk);
    factor[k] = Num(r[k]);
  }
  ForVectors(chunk.n, [&](size_t i, auto whole) HWY_ATTR {
    if constexpr (sizeof(T) == 4) {
      PlainSum sum = {Load(sums.hi + i)};
      for (int k = 0; k < kCount; ++k) AddProduct(sum, ElementsAt(x[k], i, chunk.n, whole), factor[k]);
      Store(sum.sum, sums.hi + i);
    } else {
      Accumulator sum = {Load(sums.hi + i), Load(sums.lo + i)};
      for (int k = 0; k < kCount; ++k) AddProduct(sum, ElementsAt(x[k], i, chunk.n, whole), factor[k]);
      Store(sum.hi, sums.hi + i);
      Store(sum.lo, sums.lo + i);
    }
  });
}

// Σ r_n·x_n of a chunk over samples begin … end − 1.  r: those of all samples, or nullptr: they are taken here.
template <class T>
void SumColumns(const Samples& samples, std::int64_t begin, std::int64_t end, const RowChunk& chunk, const double* r,
                ColumnSums& sums) {
  Readers<T> readers(samples);
  std::fill_n(sums.hi, kRowChunk, 0.0);
  std::fill_n(sums.lo, kRowChunk, 0.0);
  double own[kTogether];
  for (; begin + kTogether <= end; begin += kTogether) {
    if (r == nullptr) ResidualsOf<kTogether>(samples, readers, begin, own);
    AddColumns<kTogether>(readers, begin, chunk, r == nullptr ? own : r + begin, sums);
  }
  for (; begin < end; ++begin) {
    if (r == nullptr) ResidualsOf<1>(samples, readers, begin, own);
    AddColumns<1>(readers, begin, chunk, r == nullptr ? own : r + begin, sums);
  }
}

void ResidualsLanes(const Samples& samples, std::int64_t begin, std::int64_t end, double* r) {
  if (samples.dtype == KARAT_F64)
    Residuals<double>(samples, begin, end, r);
  else
    Residuals<float>(samples, begin, end, r);
}
void ColumnLanes(const Samples& samples, std::int64_t begin, std::int64_t end, const RowChunk& chunk, const double* r,
                 ColumnSums& sums) {
  if (samples.dtype == KARAT_F64)
    SumColumns<double>(samples, begin, end, chunk, r, sums);
  else
    SumColumns<float>(samples, begin, end, chunk, r, sums);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ResidualsLanes);
HWY_EXPORT(ColumnLanes);

// What both calls are made of.
class Regression {
 public:
  Regression(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        x_(dense(arguments, "X", KARAT_INPUT, dtype)),
        y_(dense(arguments, "Y", KARAT_INPUT, dtype)),
        theta_(dense(arguments, "theta", KARAT_INPUT, dtype)) {
    require(x_.rank == 2, "X is not of rank 2");
    require(shape_of(y_) == Shape{number()}, "Y is not one number a sample");
    require(shape_of(theta_) == Shape{length()}, "theta is not one number a column of X");
    require(reduction_of(arguments) != Reduction::none, "reduction is sum or mean");
  }
  std::int64_t number() const { return x_.shape[0]; }
  std::int64_t length() const { return x_.shape[1]; }
  std::size_t scratch_bytes() const { return static_cast<std::size_t>(length() + kBehind) * sizeof(double); }
  Samples read(std::byte* scratch) const {
    auto* const theta = reinterpret_cast<double*>(scratch);
    widen(dtype_, theta_.data, static_cast<std::size_t>(length()), theta);
    std::fill_n(theta + length(), kBehind, 0.0);
    return {dtype_, number(), length(), x_.data, y_.data, theta};
  }

 private:
  static constexpr std::int64_t kBehind = 16;
  std::int32_t dtype_;
  const karat_tensor &x_, &y_, &theta_;
};

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& arguments)
      : arguments_(arguments),
        regression_(dtype, arguments),
        losses_(dtype, arguments, {regression_.number()}, regression_.length()) {}
  std::size_t scratch_bytes() const { return regression_.scratch_bytes() + losses_.scratch_bytes(); }
  void run() const {
    const Samples samples = regression_.read(arguments_.scratch());
    losses_.run(arguments_.scratch() + regression_.scratch_bytes(), arguments_.threads(),
                [&](std::int64_t begin, std::int64_t end, double* losses) {
                  HWY_DYNAMIC_DISPATCH(ResidualsLanes)(samples, begin, end, losses);
                  for (std::int64_t i = 0; i < end - begin; ++i) losses[i] *= losses[i];
                });
  }

 private:
  Arguments arguments_;
  Regression regression_;
  Losses losses_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& arguments)
      : arguments_(arguments),
        regression_(dtype, arguments),
        dy_(dense(arguments, "dy", KARAT_INPUT, dtype)),
        dtheta_(dense(arguments, "dtheta", KARAT_OUTPUT, dtype)),
        mean_(reduction_of(arguments) == Reduction::mean),
        chunks_(chunks_of(regression_.length())) {
    require(count_of(dy_) == 1, "dy is more than one number");
    require(shape_of(dtheta_) == Shape{regression_.length()}, "dtheta has not the shape of theta");
    // Enough parts of samples for many threads, each worth its sums.
    const std::int64_t worth = regression_.number() * std::min(regression_.length(), kRowChunk) / (16 * kRowChunk);
    const std::int64_t parts =
        std::clamp<std::int64_t>(worth, 1, std::max<std::int64_t>(1, 64 / std::max<std::int64_t>(1, chunks_)));
    grain_ = std::max<std::int64_t>(1, (regression_.number() + parts - 1) / parts);
    parts_ = std::max<std::int64_t>(1, (regression_.number() + grain_ - 1) / grain_);
  }
  std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(chunks_ * parts_) * sizeof(ColumnSums) + regression_.scratch_bytes() + residuals_bytes();
  }
  void run() const {
    auto* const sums = reinterpret_cast<ColumnSums*>(arguments_.scratch());
    std::byte* const behind = arguments_.scratch() + static_cast<std::size_t>(chunks_ * parts_) * sizeof(ColumnSums);
    const Samples samples = regression_.read(behind + residuals_bytes());
    double* const r = chunks_ > 1 ? reinterpret_cast<double*>(behind) : nullptr;
    if (r != nullptr)
      for_each_part(samples.number, kTogether, arguments_.threads(), [&](std::int64_t begin, std::int64_t end) {
        HWY_DYNAMIC_DISPATCH(ResidualsLanes)(samples, begin, end, r + begin);
      });
    for_each_part(chunks_ * parts_, 1, arguments_.threads(), [&](std::int64_t i, std::int64_t) {
      const std::int64_t part = i % parts_, end = std::min(samples.number, (part + 1) * grain_);
      HWY_DYNAMIC_DISPATCH(ColumnLanes)(samples, part * grain_, end, chunk_of(samples.length, i / parts_), r, sums[i]);
    });
    const double dy = -2 * load_dy(), n = mean_ ? static_cast<double>(samples.number) : 1;
    for_each_part(chunks_, 1, arguments_.threads(), [&](std::int64_t i, std::int64_t) {
      alignas(64) double d[kRowChunk];
      const RowChunk chunk = chunk_of(samples.length, i);
      for (std::size_t c = 0; c < chunk.n; ++c) {
        Sum sum;
        for (std::int64_t part = i * parts_; part < (i + 1) * parts_; ++part)
          sum = add_terms(sum, Sum{sums[part].hi[c], std::isfinite(sums[part].hi[c]) ? sums[part].lo[c] : 0});
        d[c] = dy * total(sum) / n;
      }
      narrow(dtheta_.dtype, d, chunk.n,
             static_cast<std::byte*>(dtheta_.data) + chunk.begin * static_cast<std::int64_t>(element_size(dtheta_.dtype)));
    });
  }

 private:
  std::size_t residuals_bytes() const {
    return chunks_ > 1 ? static_cast<std::size_t>(regression_.number()) * sizeof(double) : 0;
  }
  double load_dy() const {
    double dy = 0;
    widen(dy_.dtype, dy_.data, 1, &dy);
    return dy;
  }

  Arguments arguments_;
  Regression regression_;
  const karat_tensor &dy_, &dtheta_;
  bool mean_;
  std::int64_t chunks_, grain_ = 1, parts_ = 1;
};

const Planned<Forward> row({.op = "linear_regression_loss", .kernel = "four_samples", .capabilities = kDense});
const Planned<Backward> backward_row({.op = "linear_regression_loss_backward", .kernel = "four_samples", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
