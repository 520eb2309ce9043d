// SPDX-License-Identifier: MIT
// newton: θ ← θ − η d with H d = g, H symmetric and positive definite
//
// Method: H = L D Lᵀ in double, in panels; being positive definite, H needs no pivoting.  Then one step of iterative
// refinement, the residual g − H d in sums of two doubles: d to about 1 ulp + (2^-53 cond H)².  f32, f16 and bf16 round
// θ once.  Only the lower triangle is factored; where a pivot is not positive, H is not positive definite or too close
// to a singular matrix for doubles, and θ becomes NaN.
//
// Scratch: D² doubles for the factor and about 140 D for a panel and vectors.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/operator.hpp"
#include "kernels/optimizers/optimizer.hpp"
#include "kernels/streams.hpp"
#include "kernels/sum.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizers/newton.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

#ifndef KARAT_KERNELS_NEWTON_  // this file is read once a target
#define KARAT_KERNELS_NEWTON_
namespace karat::kernels {
namespace {

constexpr std::int64_t kPanel = 64;  // columns that are factored at a time
constexpr std::int64_t kGroup = static_cast<std::int64_t>(kPartialSums);

// The lower triangle of the n × n matrix, in rows of `step` doubles, a multiple of kGroup.
struct Factor {
  double* a;
  std::int64_t n, step;
  double* row(std::int64_t i) const { return a + i * step; }
};

// Columns begin to end of the factor.
struct Panel {
  std::int64_t begin, end;
  double* before;      // (n, kPanel): these columns of L D
  double* transposed;  // (step / kGroup, kPanel, kGroup): these columns of L, for each group of rows
  double* diagonal;    // (kPanel, kPanel): Lᵀ where rows and columns are the panel's

  double& of_transposed(std::int64_t k, std::int64_t i) const {
    return transposed[(i / kGroup * kPanel + k) * kGroup + i % kGroup];
  }
};

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// to[j] −= factor·from[j] for j in [begin, end).
HWY_INLINE void SubtractMultiple(double factor, const double* from, int64_t begin, int64_t end, double* to) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  int64_t j = begin;
  for (; j + lanes <= end; j += lanes) Store(hn::NegMulAdd(Num(factor), Load(from + j), Load(to + j)), to + j);
  const hn::CappedTag<double, 1> one;
  for (; j < end; ++j)
    hn::StoreU(hn::NegMulAdd(hn::Set(one, factor), hn::LoadU(one, from + j), hn::LoadU(one, to + j)), one, to + j);
}

// Rows begin to end of the panel's columns: x in x·D·Lᵀ = a, where the panel's own rows are factored already.
void SolveRows(const Factor& f, const Panel& panel, int64_t begin, int64_t end) {
  const int64_t width = panel.end - panel.begin;
  for (int64_t i = begin; i < end; ++i) {
    double* const a = f.row(i) + panel.begin;
    double* const before = panel.before + i * kPanel;
    for (int64_t k = 0; k < width; ++k) {
      before[k] = a[k];
      a[k] /= f.row(panel.begin + k)[panel.begin + k];
      SubtractMultiple(before[k], panel.diagonal + k * kPanel, k + 1, width, a);
    }
  }
}

// a[i][j] −= Σ_k before[i][k]·transposed[k][j], for kRows rows from i on and kVectors vectors from j on, all in one group.
template <int kRows, int kVectors>
HWY_INLINE void UpdateBlock(const Factor& f, const Panel& panel, int64_t i, int64_t j) {
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  V sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Load(f.row(i + r) + j + v * lanes);
  const int64_t width = panel.end - panel.begin;
  const double* const before = panel.before + i * kPanel;
  const double* const transposed = &panel.of_transposed(0, j);
  for (int64_t k = 0; k < width; ++k) {
    V b[kVectors];
    for (int v = 0; v < kVectors; ++v) b[v] = Load(transposed + k * kGroup + v * lanes);
    for (int r = 0; r < kRows; ++r)
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::NegMulAdd(Num(before[r * kPanel + k]), b[v], sum[r][v]);
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) Store(sum[r][v], f.row(i + r) + j + v * lanes);
}

// The rows' part of the lower triangle right of the panel, and less than a group of columns more.
void UpdateRows(const Factor& f, const Panel& panel, int64_t begin, int64_t end) {
  constexpr int kVectors = HWY_LANES(double) < kGroup ? 2 : 1;
  const int64_t columns = kVectors * static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t j = panel.end; j < end; j += columns) {
    int64_t i = begin;
    for (; i + 4 <= end; i += 4)
      if (j < i + 4) UpdateBlock<4, kVectors>(f, panel, i, j);
    for (; i < end; ++i)
      if (j <= i) UpdateBlock<1, kVectors>(f, panel, i, j);
  }
}

// L y = g and D Lᵀ x = y, in place.
void SolveFactored(const Factor& f, double* x) {
  const hn::CappedTag<double, 1> one;
  const auto lanes = static_cast<int64_t>(hn::Lanes(D()));
  for (int64_t i = 0; i < f.n; ++i) {
    const double* const row = f.row(i);
    V sum[4] = {Num(0), Num(0), Num(0), Num(0)};
    int64_t k = 0;
    for (; k + 4 * lanes <= i; k += 4 * lanes)
      for (int v = 0; v < 4; ++v) sum[v] = hn::MulAdd(Load(row + k + v * lanes), Load(x + k + v * lanes), sum[v]);
    double rest = hn::GetLane(hn::SumOfLanes(D(), hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]))));
    for (; k < i; ++k) rest = hn::GetLane(hn::MulAdd(hn::Set(one, row[k]), hn::Set(one, x[k]), hn::Set(one, rest)));
    x[i] -= rest;
  }
  for (int64_t i = 0; i < f.n; ++i) x[i] /= f.row(i)[i];
  for (int64_t i = f.n; i-- > 0;) SubtractMultiple(x[i], f.row(i), 0, i, x);
}

// Σ h[j]·d[j] over n elements, a multiple of kGroup, in sums of two doubles.
void DotPairs(const double* h, const double* d, int64_t n, PartialSums& sums) {
  for (int64_t first = 0; first < kGroup; first += static_cast<int64_t>(hn::Lanes(D()))) {
    V hi = Num(0), lo = Num(0);
    for (int64_t j = first; j < n; j += kGroup) {
      const Pair product = TwoProduct(Load(h + j), Load(d + j));
      const Pair sum = TwoSum(hi, product.hi);
      hi = sum.hi;
      lo = hn::Add(lo, hn::Add(sum.lo, product.lo));
    }
    Store(hi, &sums.hi[static_cast<size_t>(first)]);
    Store(lo, &sums.lo[static_cast<size_t>(first)]);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(SolveRows);
HWY_EXPORT(UpdateRows);
HWY_EXPORT(SolveFactored);
HWY_EXPORT(DotPairs);

constexpr std::int64_t kRowsOfPart = 32;

// Factors in place; false where a pivot is not positive.
bool factor(const Factor& f, Panel panel, int threads) {
  for (panel.begin = 0; panel.begin < f.n; panel.begin = panel.end) {
    const std::int64_t end = std::min(f.n, panel.begin + kPanel);
    for (std::int64_t i = panel.begin; i < end; ++i) {
      panel.end = i;  // the rows above
      HWY_DYNAMIC_DISPATCH(SolveRows)(f, panel, i, i + 1);
      double& pivot = f.row(i)[i];
      for (std::int64_t k = 0; k < i - panel.begin; ++k) {
        const double l = f.row(i)[panel.begin + k];
        pivot = std::fma(-panel.before[i * kPanel + k], l, pivot);
        panel.diagonal[k * kPanel + i - panel.begin] = l;
      }
      if (!(pivot > 0 && std::isfinite(pivot))) return false;
    }
    panel.end = end;
    const std::int64_t below = f.n - end;
    for_each_part(below, kRowsOfPart, threads, [&](std::int64_t first, std::int64_t last) {
      HWY_DYNAMIC_DISPATCH(SolveRows)(f, panel, end + first, end + last);
      for (std::int64_t i = end + first; i < end + last; ++i)
        for (std::int64_t k = 0; k < end - panel.begin; ++k) panel.of_transposed(k, i) = f.row(i)[panel.begin + k];
    });
    for_each_part(below, kRowsOfPart, threads, [&](std::int64_t first, std::int64_t last) {
      HWY_DYNAMIC_DISPATCH(UpdateRows)(f, panel, end + first, end + last);
    });
  }
  return true;
}

class Newton {
 public:
  Newton(std::int32_t dtype, const Arguments& a)
      : arguments_(a),
        dtype_(dtype),
        theta_(a.tensor("theta", KARAT_INOUT, dtype)),
        g_(a.tensor("g", KARAT_INPUT, dtype)),
        h_(a.tensor("H", KARAT_INPUT, dtype)),
        eta_(learning_rate(a)) {
    require(theta_.rank == 1 && shape_of(g_) == shape_of(theta_), "theta and g are not (D)");
    require(h_.rank == 2 && h_.shape[0] == theta_.shape[0] && h_.shape[1] == theta_.shape[0], "H is not (D, D)");
    n_ = theta_.shape[0];
    step_ = (n_ + kGroup - 1) / kGroup * kGroup;
    require(step_ <= std::numeric_limits<std::int32_t>::max(), "more elements than an address space");
  }

  std::size_t scratch_bytes() const {
    return static_cast<std::size_t>(n_ * step_ + n_ * kPanel + kPanel * step_ + kPanel * kPanel + 5 * step_) * sizeof(double);
  }

  void run() const {
    if (n_ == 0) return;
    const Factor f{reinterpret_cast<double*>(arguments_.scratch()), n_, step_};
    double* const before = f.a + n_ * step_;
    double* const transposed = before + n_ * kPanel;
    double* const diagonal = transposed + kPanel * step_;
    double* const g = diagonal + kPanel * kPanel;
    double* const d = g + step_;
    double* const rest = d + step_;
    double* const theta = rest + step_;
    double* const row = theta + step_;
    read(g_, 0, g_.strides[0], g);
    read(theta_, 0, theta_.strides[0], theta);
    for_each_part(n_, kRowsOfPart, arguments_.threads(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) read(h_, i * h_.strides[0], h_.strides[1], f.row(i));
    });
    std::fill(transposed + (step_ - kGroup) * kPanel, diagonal, 0.0);  // rows of the last group that there are not
    std::copy_n(g, step_, d);
    if (factor(f, {0, 0, before, transposed, diagonal}, arguments_.threads())) {
      HWY_DYNAMIC_DISPATCH(SolveFactored)(f, d);
      residual(g, d, row, rest);
      HWY_DYNAMIC_DISPATCH(SolveFactored)(f, rest);
      for (std::int64_t i = 0; i < n_; ++i) theta[i] = moved(theta[i], d[i], rest[i]);
    } else {
      std::fill_n(theta, n_, std::numeric_limits<double>::quiet_NaN());
    }
    alignas(64) std::byte raw[kBlock * sizeof(double)];
    const std::size_t size = element_size(dtype_);
    for (std::int64_t begin = 0; begin < n_; begin += kBlock) {
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(kBlock, n_ - begin));
      narrow(dtype_, theta + begin, count, raw);
      scatter(raw, count, size,
              static_cast<std::byte*>(theta_.data) + begin * theta_.strides[0] * static_cast<std::int64_t>(size),
              theta_.strides[0]);
    }
  }

 private:
  static constexpr std::int64_t kBlock = 512;

  // θ − η (d + rest), rounded about once; where a number leaves the range there is nothing to refine.
  double moved(double theta, double d, double rest) const {
    const Sum step = Sum{eta_, 0} * two_sum(d, rest), next = two_sum(theta, -step.hi);
    const double refined = next.hi + (next.lo - step.lo);
    return std::isfinite(refined) ? refined : theta - eta_ * d;
  }

  // n elements from `offset` on as doubles, and zeros up to a whole group.
  void read(const karat_tensor& t, std::int64_t offset, std::int64_t stride, double* to) const {
    alignas(64) std::byte raw[kBlock * sizeof(double)];
    const std::size_t size = element_size(dtype_);
    for (std::int64_t begin = 0; begin < n_; begin += kBlock) {
      const auto count = static_cast<std::size_t>(std::min<std::int64_t>(kBlock, n_ - begin));
      gather(static_cast<const std::byte*>(t.data) + (offset + begin * stride) * static_cast<std::int64_t>(size), stride, count,
             size, raw);
      widen(dtype_, raw, count, to + begin);
    }
    std::fill(to + n_, to + step_, 0.0);
  }

  // g − H d.
  void residual(const double* g, const double* d, double* row, double* to) const {
    for (std::int64_t i = 0; i < n_; ++i) {
      read(h_, i * h_.strides[0], h_.strides[1], row);
      PartialSums sums;
      HWY_DYNAMIC_DISPATCH(DotPairs)(row, d, step_, sums);
      Sum sum = {-g[i], 0};
      for (std::size_t s = 0; s < kPartialSums; ++s) sum = sum + Sum{sums.hi[s], sums.lo[s]};
      to[i] = -total(sum);
    }
    std::fill(to + n_, to + step_, 0.0);
  }

  Arguments arguments_;
  std::int32_t dtype_;
  const karat_tensor &theta_, &g_, &h_;
  double eta_;
  std::int64_t n_ = 0, step_ = 0;
};

const Planned<Newton> row({.op = "newton", .kernel = "ldl_refined"});

}  // namespace
}  // namespace karat::kernels
#endif
