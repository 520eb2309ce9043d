// SPDX-License-Identifier: MIT
// dropout_average_gradient:  g = 1/N Σ_n ∇(y_n − (m_n ⊙ x_n)θ)², that is, with r_n = y_n − Σ_d m_nd x_nd θ_d,
//   g_d = −2/N Σ_n m_nd r_n x_nd;  x and the mask m: (N, D), y: (N), θ: (D), g: (D).  Where the mask is 0, x counts not
//   at all, whatever it is.
//
// Method: samples go to at most 64 shares of eight or more, and threads take shares; for each sample r_n, then its part
// of the share's sums, while the row is in the cache.  The shares' sums are added in their order.  f64: products and
// sums in two doubles, 0.5 ulp and 2^-100 of what cancels.  f32, f16 and bf16: in double, 2^-53·(N + D) of what cancels
// and one rounding.
//
// Scratch: θ and the shares' sums, 1 + 2·shares numbers of double a column.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/operator.hpp"
#include "kernels/sum.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/regularization/dropout_average_gradient.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

#ifndef KARAT_KERNELS_DROPOUT_AVERAGE_GRADIENT_  // this file is read once a target
#define KARAT_KERNELS_DROPOUT_AVERAGE_GRADIENT_
namespace karat::kernels {
namespace {

constexpr std::size_t kBlock = 256;  // columns
constexpr std::size_t kGroup = 16;   // partial sums; blocks are padded to a multiple of it

// Columns of one sample as doubles.
struct Columns {
  const double* x;
  const std::int64_t* mask;
  std::size_t count;  // padded
  bool exact;         // in two doubles
};

struct GroupSums {
  alignas(64) double hi[kGroup] = {}, lo[kGroup] = {};
};

}  // namespace
}  // namespace karat::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE M Dropped(const std::int64_t* mask) {
  const hn::RebindToSigned<D> di;
  return hn::MaskFromVec(hn::BitCast(D(), hn::VecFromMask(di, hn::Eq(hn::LoadU(di, mask), hn::Zero(di)))));
}

// sum += a·b where it is not dropped; kExact: with what roundings leave.
template <bool kExact>
HWY_INLINE void AddProduct(M dropped, V a, V b, V b_low, double* hi, double* lo) {
  if constexpr (kExact) {
    const Pair product = TwoProduct(a, b);
    const Pair sum = TwoSum(Load(hi), hn::IfThenZeroElse(dropped, product.hi));
    const V low = hn::IfThenZeroElse(dropped, hn::MulAdd(a, b_low, product.lo));
    Store(sum.hi, hi);
    Store(hn::Add(Load(lo), hn::Add(sum.lo, low)), lo);
  } else {
    Store(hn::Add(Load(hi), hn::IfThenZeroElse(dropped, hn::Mul(a, b))), hi);
  }
}

// sums += Σ m x θ
template <bool kExact>
HWY_INLINE void DotOf(const Columns& c, const double* theta, GroupSums& sums) {
  for (size_t i = 0; i < c.count; i += hn::Lanes(D())) {
    const size_t group = i % kGroup;
    AddProduct<kExact>(Dropped(c.mask + i), Load(c.x + i), Load(theta + i), hn::Zero(D()), sums.hi + group, sums.lo + group);
  }
}
void Dot(const Columns& c, const double* theta, GroupSums& sums) { c.exact ? DotOf<true>(c, theta, sums) : DotOf<false>(c, theta, sums); }

// hi + lo += m r x, column by column
template <bool kExact>
HWY_INLINE void AddSampleOf(const Columns& c, Sum r, double* hi, double* lo) {
  for (size_t i = 0; i < c.count; i += hn::Lanes(D()))
    AddProduct<kExact>(Dropped(c.mask + i), Load(c.x + i), Num(r.hi), Num(r.lo), hi + i, lo + i);
}
void AddSample(const Columns& c, Sum r, double* hi, double* lo) { c.exact ? AddSampleOf<true>(c, r, hi, lo) : AddSampleOf<false>(c, r, hi, lo); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(Dot);
HWY_EXPORT(AddSample);

// What a sum that left the range left over is nothing to add.
Sum sound(double hi, double lo) { return {hi, std::isfinite(hi) && std::isfinite(lo) ? lo : 0}; }

class Plan {
 public:
  Plan(std::int32_t dtype, const Arguments& a) : dtype_(dtype), a_(a), size_(element_size(dtype)) {
    const karat_tensor &x = a.tensor("x", KARAT_INPUT, dtype), &mask = a.tensor("mask", KARAT_INPUT, KARAT_I64);
    const karat_tensor &y = a.tensor("y", KARAT_INPUT, dtype), &theta = a.tensor("theta", KARAT_INPUT, dtype), &g = a.tensor("g", KARAT_OUTPUT, dtype);
    require(x.rank == 2, "x is no matrix (N, D)");
    samples_ = x.shape[0];
    columns_ = x.shape[1];
    require(shape_of(mask) == shape_of(x), "the mask has not the shape of x");
    require(shape_of(y) == Shape{samples_}, "y is not (N)");
    require(shape_of(theta) == Shape{columns_} && shape_of(g) == Shape{columns_}, "theta or g is not (D)");
    for (const karat_tensor* t : {&x, &mask, &y, &theta, &g}) require(is_dense(*t), "a tensor has gaps");
    padded_ = (columns_ + static_cast<std::int64_t>(kGroup) - 1) / static_cast<std::int64_t>(kGroup) * static_cast<std::int64_t>(kGroup);
    constexpr std::int64_t kShareElements = 16384;
    const std::int64_t most = std::min(samples_ / 8, count_of(x) / kShareElements);
    shares_ = std::clamp<std::int64_t>(most, 1, 64);
    share_ = std::max<std::int64_t>(1, (samples_ + shares_ - 1) / shares_);
  }

  std::size_t scratch_bytes() const { return static_cast<std::size_t>(padded_ * (1 + 2 * shares_)) * sizeof(double); }

  void run() {
    x_ = static_cast<const std::byte*>(a_.tensor("x").data);
    mask_ = static_cast<const std::int64_t*>(a_.tensor("mask").data);
    y_ = static_cast<const std::byte*>(a_.tensor("y").data);
    auto* const theta = reinterpret_cast<double*>(a_.scratch());
    widen(dtype_, a_.tensor("theta").data, static_cast<std::size_t>(columns_), theta);
    std::fill(theta + columns_, theta + padded_, 0.0);
    for_each_part(shares_, 1, a_.threads(), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t share = begin; share < end; ++share) add_share(share, theta, sums(share));
    });
    store_average();
  }

 private:
  double* sums(std::int64_t share) const { return reinterpret_cast<double*>(a_.scratch()) + padded_ * (1 + 2 * share); }

  // Calls body(columns, first column) for the blocks of a sample.
  template <class Body>
  void for_each_block(std::int64_t sample, const Body& body) const {
    alignas(64) double wide[kBlock];
    alignas(64) std::int64_t kept[kBlock];
    for (std::int64_t first = 0; first < columns_; first += static_cast<std::int64_t>(kBlock)) {
      const std::int64_t at = sample * columns_ + first;
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(kBlock), columns_ - first));
      const std::size_t padded = (n + kGroup - 1) / kGroup * kGroup;
      widen(dtype_, x_ + at * static_cast<std::int64_t>(size_), n, wide);
      Columns columns{wide, mask_ + at, padded, dtype_ == KARAT_F64};
      if (padded != n) {
        std::fill(wide + n, wide + padded, 0.0);
        std::copy(mask_ + at, mask_ + at + n, kept);
        std::fill(kept + n, kept + padded, 0);
        columns.mask = kept;
      }
      body(columns, first);
    }
  }

  void add_share(std::int64_t share, const double* theta, double* hi) const {
    double* const lo = hi + padded_;
    std::fill(hi, hi + 2 * padded_, 0.0);
    const std::int64_t end = std::min(samples_, (share + 1) * share_);
    for (std::int64_t n = share * share_; n < end; ++n) {
      GroupSums partial;
      for_each_block(n, [&](const Columns& c, std::int64_t first) { HWY_DYNAMIC_DISPATCH(Dot)(c, theta + first, partial); });
      const Sum r = residual(n, partial);
      for_each_block(n, [&](const Columns& c, std::int64_t first) { HWY_DYNAMIC_DISPATCH(AddSample)(c, r, hi + first, lo + first); });
    }
  }

  Sum residual(std::int64_t sample, const GroupSums& products) const {
    double y = 0;
    widen(dtype_, y_ + sample * static_cast<std::int64_t>(size_), 1, &y);
    if (dtype_ != KARAT_F64) return {y - std::accumulate(products.hi, products.hi + kGroup, 0.0), 0};
    Sum r{y, 0};
    for (std::size_t i = 0; i < kGroup; ++i) r = add_terms(r, -sound(products.hi[i], products.lo[i]));
    return r;
  }

  void store_average() const {
    std::byte* const g = static_cast<std::byte*>(a_.tensor("g").data);
    alignas(64) double block[kBlock];
    for (std::int64_t first = 0; first < columns_; first += static_cast<std::int64_t>(kBlock)) {
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(kBlock), columns_ - first));
      for (std::size_t i = 0; i < n; ++i) {
        const auto d = first + static_cast<std::int64_t>(i);
        Sum sum;
        for (std::int64_t s = 0; s < shares_; ++s) sum = add_terms(sum, sound(sums(s)[d], sums(s)[padded_ + d]));
        const auto n_samples = static_cast<double>(samples_);
        block[i] = -2 * (std::isfinite(sum.hi) && samples_ > 0 ? quotient(sum, {n_samples, 0}) : sum.hi / n_samples);
      }
      narrow(dtype_, block, n, g + first * static_cast<std::int64_t>(size_));
    }
  }

  std::int32_t dtype_;
  Arguments a_;
  std::size_t size_;
  const std::byte *x_ = nullptr, *y_ = nullptr;
  const std::int64_t* mask_ = nullptr;
  std::int64_t samples_ = 0, columns_ = 0, padded_ = 0;  // columns padded to whole groups
  std::int64_t shares_ = 1, share_ = 1;                  // samples of a share
};

const Planned<Plan> row({.op = "dropout_average_gradient", .kernel = "two_sums", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
