// SPDX-License-Identifier: MIT
// softmax of f32 rows without gaps: y_i = e_i/S, e_i = e^(x_i - max x), S = Σ e_j.
//
// Method: three passes over a row that stays in the cache: maximum, exponentials (stored in y) and their sum,
// product with 1/S.  x_i - max x is rounded to f32, e_i is within 0.57 ulp of its exponential, S is summed in
// double in sixteen partial sums a chunk, chunks in their order: the same bits on any number of threads.
//
// Bound in f32: 1.7 ulp and |x_i - max x|/2 ulp, the rounding of the difference.  softmax.cpp has the kernel
// that keeps the difference exact, for every layout and dtype.  Scratch: a number for each chunk of a row that
// threads share.
#include <algorithm>
#include <vector>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/operator.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/softmax_rows.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/floats-inl.h"
#include "kernels/elementary/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

using FW = hn::ScalableTag<float>;

float MaxFloats(const float* x, size_t n) {
  const size_t lanes = hn::Lanes(FW());
  auto max0 = hn::Set(FW(), -std::numeric_limits<float>::infinity()), max1 = max0;
  size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    max0 = hn::Max(max0, hn::LoadU(FW(), x + i));
    max1 = hn::Max(max1, hn::LoadU(FW(), x + i + lanes));
  }
  HWY_ALIGN float each[HWY_LANES(float)];
  hn::Store(hn::Max(max0, max1), FW(), each);
  float max = *std::max_element(each, each + lanes);
  for (; i < n; ++i) max = x[i] > max ? x[i] : max;
  return max;
}

void ScaleFloats(float* y, size_t n, float factor) {
  size_t i = 0;
  for (; i + hn::Lanes(FW()) <= n; i += hn::Lanes(FW())) hn::StoreU(hn::Mul(hn::LoadU(FW(), y + i), hn::Set(FW(), factor)), FW(), y + i);
  for (; i < n; ++i) y[i] *= factor;
}

HWY_INLINE void ExponentialsInDoubles(const float* x, size_t n, float max, float* e) {
  HWY_ALIGN float rest[HWY_LANES(double)];
  for (size_t i = 0; i < n; i += hn::Lanes(D())) {
    const size_t here = HWY_MIN(n - i, hn::Lanes(D()));
    for (size_t j = 0; j < hn::Lanes(D()); ++j) rest[j] = (i + j < n ? x[i + j] : max) - max;
    hn::StoreU(ToFloat(NarrowExp<Quality::fast>(hn::PromoteTo(D(), hn::LoadU(DF(), rest)))), DF(), rest);
    for (size_t j = 0; j < here; ++j) e[i + j] = rest[j];
  }
}

#if KARAT_FLOATS
// The least difference that leaves a normal exponential, and the largest that leaves nothing.
constexpr float kNormal = -80, kNothing = -104.5f;

HWY_NOINLINE void ExponentialsBesideSubnormals(Two x, float max, Two y, TwoMasks inside, float* e) {
  HWY_ALIGN float buffer[2 * HWY_LANES(float)];
  StoreTwo(x, buffer);
  ExponentialsInDoubles(buffer, 2 * hn::Lanes(FD()), max, buffer);
  StoreTwo(Choose(inside, y, LoadTwo(buffer)), e);
}
HWY_INLINE void ExponentialsOfTwo(const float* x, float max, float* e) {
  const Two given = LoadTwo(x), t = given - Both(max);
  const TwoPowers power = PowersOfE(Larger(t, Both(kNormal)));
  const TwoMasks normal = AtLeastNumber(t, kNormal);
  const Two y = ChooseOrZero(normal, Fma(power.scale, power.p, power.scale));
  const FV nothing = hn::Set(FD(), kNothing);
  const TwoMasks inside = {hn::Or(normal.a, hn::Le(t.a, nothing)), hn::Or(normal.b, hn::Le(t.b, nothing))};
  if (HWY_UNLIKELY(!hn::AllTrue(FD(), hn::And(inside.a, inside.b)))) return ExponentialsBesideSubnormals(given, max, y, inside, e);
  StoreTwo(y, e);
}
#endif

HWY_INLINE void Exponentials(const float* x, size_t n, float max, float* e) {
#if KARAT_FLOATS
  const size_t step = 2 * hn::Lanes(FD());
  size_t i = 0;
  for (; i + step <= n; i += step) ExponentialsOfTwo(x + i, max, e + i);
  if (i == n) return;
  HWY_ALIGN float rest[2 * HWY_LANES(float)];
  for (size_t j = 0; j < step; ++j) rest[j] = i + j < n ? x[i + j] : max;
  ExponentialsOfTwo(rest, max, rest);
  for (size_t j = i; j < n; ++j) e[j] = rest[j - i];
#else
  ExponentialsInDoubles(x, n, max, e);
#endif
}

// Sixteen partial sums, whatever the vector's length.
double SumOfFloats(const float* e, size_t n) {
  HWY_ALIGN double sums[16] = {};
  constexpr size_t kVectors = 16 / HWY_LANES(double);
  V sum[kVectors];
  for (V& s : sum) s = Num(0);
  size_t i = 0;
  for (; i + 16 <= n; i += 16)
    for (size_t v = 0; v < kVectors; ++v) sum[v] = hn::Add(sum[v], hn::PromoteTo(D(), hn::LoadU(DF(), e + i + v * hn::Lanes(D()))));
  for (size_t v = 0; v < kVectors; ++v) Store(sum[v], sums + v * hn::Lanes(D()));
  for (; i < n; ++i) sums[i % 16] += static_cast<double>(e[i]);
  double total = 0;
  for (const double s : sums) total += s;
  return total;
}

// e_i = e^(x_i - max) and their sum, in pieces that stay in a first-level cache.
double ExponentialsAndSum(const float* x, size_t n, float max, float* e) {
  Exponentials(x, n, max, e);
  return SumOfFloats(e, n);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(MaxFloats);
HWY_EXPORT(ScaleFloats);
HWY_EXPORT(ExponentialsAndSum);

constexpr std::int64_t kChunkOfRow = 2048, kGrain = 32768;

class Rows {
 public:
  Rows(std::int32_t dtype, const Arguments& a) : threads_(a.threads()) {
    const karat_tensor& x = a.tensor("x", KARAT_INPUT, dtype);
    const karat_tensor& y = a.tensor("y", KARAT_OUTPUT, dtype);
    require(shape_of(x) == shape_of(y), "the tensors differ in shape");
    require(is_dense(x) && is_dense(y), "the tensors have gaps");
    require(x.rank >= 1 && a.integer("axis") == x.rank - 1, "the axis is not the last one");
    length_ = x.shape[x.rank - 1];
    rows_ = length_ == 0 ? 0 : count_of(x) / length_;
    x_ = static_cast<const float*>(x.data);
    y_ = static_cast<float*>(y.data);
  }

  void run() const {
    if (rows_ == 0) return;
    if (rows_ < threads_ && length_ > 8 * kGrain) {
      for (std::int64_t r = 0; r < rows_; ++r) shared(x_ + r * length_, y_ + r * length_);
      return;
    }
    for_each_part(rows_, std::max<std::int64_t>(1, kGrain / length_), threads_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) alone(x_ + r * length_, y_ + r * length_);
    });
  }

 private:
  std::int64_t chunks() const { return (length_ - 1) / kChunkOfRow + 1; }
  static std::int64_t begin(std::int64_t chunk) { return chunk * kChunkOfRow; }
  std::size_t size(std::int64_t chunk) const { return static_cast<std::size_t>(std::min(kChunkOfRow, length_ - begin(chunk))); }

  void alone(const float* x, float* y) const {
    const float max = HWY_DYNAMIC_DISPATCH(MaxFloats)(x, static_cast<std::size_t>(length_));
    double sum = 0;
    for (std::int64_t c = 0; c < chunks(); ++c) sum += HWY_DYNAMIC_DISPATCH(ExponentialsAndSum)(x + begin(c), size(c), max, y + begin(c));
    HWY_DYNAMIC_DISPATCH(ScaleFloats)(y, static_cast<std::size_t>(length_), static_cast<float>(1 / sum));
  }

  // A long row, by all threads.
  void shared(const float* x, float* y) const {
    std::vector<float> maxima(static_cast<std::size_t>(chunks()));
    std::vector<double> sums(maxima.size());
    const auto each = [&](const auto& body) {
      for_each_part(chunks(), kGrain / kChunkOfRow, threads_, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t c = first; c < last; ++c) body(c);
      });
    };
    each([&](std::int64_t c) { maxima[static_cast<std::size_t>(c)] = HWY_DYNAMIC_DISPATCH(MaxFloats)(x + begin(c), size(c)); });
    const float max = *std::max_element(maxima.begin(), maxima.end());
    each([&](std::int64_t c) { sums[static_cast<std::size_t>(c)] = HWY_DYNAMIC_DISPATCH(ExponentialsAndSum)(x + begin(c), size(c), max, y + begin(c)); });
    double sum = 0;
    for (const double s : sums) sum += s;
    each([&](std::int64_t c) { HWY_DYNAMIC_DISPATCH(ScaleFloats)(y + begin(c), size(c), static_cast<float>(1 / sum)); });
  }

  int threads_;
  std::int64_t length_ = 0, rows_ = 0;
  const float* x_ = nullptr;
  float* y_ = nullptr;
};

const Planned<Rows> row({.op = "softmax", .kernel = "rows_fast", .capabilities = kDense | KARAT_IN_PLACE, .dtypes = bit_of(KARAT_F32)});

}  // namespace
}  // namespace karat::kernels
#endif
