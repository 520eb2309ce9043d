// SPDX-License-Identifier: MIT
// mean_pool2d:           y = Σ window / count
// mean_pool2d_backward:  dx = Σ dy / count over the windows that see an element
//
// count: the elements of x in the window, or with count_include_pad the places inside the padded input.
//
// Method: sums in double, down the columns of windows and then across, and one quotient.  Windows of 2×2 that lie side by
// side in f32 are added where they are loaded.  The gradient adds quotients in the order of the windows.  f64: sums and
// quotients of two doubles.
// f32, f16 and bf16: 0.5 ulp and 2^-28, as far as a sum does not cancel.  f64: 0.5 ulp and 2^-50, as far.
#include "kernels/blocks.hpp"
#include "kernels/operator.hpp"
#include "kernels/pooling/pooling.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pooling/mean_pool2d.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/pooling/spread-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// (hi + lo)/n.  Where the remainder has no finite value, as of an infinite sum, hi/n.
HWY_INLINE Pair QuotientOfSum(V hi, V lo, V n) {
  const V q = hn::Div(hi, n);
  const Pair product = TwoProduct(q, n);
  const V rest = hn::Add(hn::Sub(hn::Sub(hi, product.hi), product.lo), lo);
  return {q, hn::IfThenElseZero(hn::Lt(hn::Abs(rest), Inf()), hn::Div(rest, n))};
}

template <bool kPairs>
HWY_INLINE void MeanRowsOf(const Pooling& g, bool padding_counts, const void* x, void* y, Range rows) {
  using Op = std::conditional_t<kPairs, PairTotalOf<false>, TotalOf<false>>;
  alignas(64) double counts[kOutputs + kSlack], mean[kOutputs + kSlack];
  ForEachTile<Op>(g, x, rows, [&](int64_t at, int64_t p, Range outputs, const Tile<Op>& tile) HWY_ATTR {
    const auto n = static_cast<size_t>(outputs.size());
    g.width.count(outputs, padding_counts, counts);
    const V down = Num(static_cast<double>(padding_counts ? g.height.places(p) : g.height.taps(p).size()));
    for (size_t i = 0; i < n; i += hn::Lanes(D())) {
      const V count = hn::Mul(down, Load(counts + i)), sum = Load(tile.window[0] + i);
      if constexpr (kPairs) {
        const Pair quotient = QuotientOfSum(sum, Load(tile.window[1] + i), count);
        Store(hn::Add(quotient.hi, quotient.lo), mean + i);
      } else {
        Store(hn::Div(sum, count), mean + i);
      }
    }
    narrow(g.dtype, mean, n, element(g.dtype, y, at));
  });
}

void MeanRows(const Pooling& g, bool padding_counts, const void* x, void* y, Range rows) {
  g.dtype == KARAT_F64 ? MeanRowsOf<true>(g, padding_counts, x, y, rows) : MeanRowsOf<false>(g, padding_counts, x, y, rows);
}

HWY_INLINE VF MeanOfFour(const float* a, const float* b) {
  const size_t lanes = hn::Lanes(D());
  const V low = hn::Add(LoadFull(a), LoadFull(b)), high = hn::Add(LoadFull(a + lanes), LoadFull(b + lanes));
#if HWY_TARGET == HWY_SCALAR
  const V sum = hn::Add(low, high);
#else
  const V sum = hn::Add(hn::ConcatEven(D(), high, low), hn::ConcatOdd(D(), high, low));
#endif
  return ToFloat(hn::Mul(sum, Num(0.25)));
}

void HalveRows(const Pooling& g, const float* x, float* y, Range rows) {
  const auto n = static_cast<size_t>(g.width.output), lanes = hn::Lanes(D());
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const float* const a = x + (row / g.height.output * g.height.input + row % g.height.output * 2) * g.width.input;
    const float* const b = a + g.width.input;
    float* const to = y + row * g.width.output;
    size_t q = 0;
    for (; q + lanes <= n; q += lanes) hn::StoreU(MeanOfFour(a + 2 * q, b + 2 * q), DF(), to + q);
    if (q == n) continue;
    HWY_ALIGN float rest[3][2 * HWY_LANES(double)] = {};
    std::copy(a + 2 * q, a + 2 * n, rest[0]);
    std::copy(b + 2 * q, b + 2 * n, rest[1]);
    hn::StoreU(MeanOfFour(rest[0], rest[1]), DF(), rest[2]);
    std::copy(rest[2], rest[2] + (n - q), to + q);
  }
}

// The quarter of a float rounds as it does from double.
void UnhalveRows(const Pooling& g, const float* dy, float* dx, Range rows) {
  const DOf<float> d;
  const int64_t width = g.width.input;
  const auto n = static_cast<size_t>(g.width.output), lanes = hn::Lanes(d);
  for (int64_t row = rows.begin; row < rows.end; ++row) {
    const int64_t p = row % g.height.output, first = (row / g.height.output * g.height.input + 2 * p) * width;
    const float* const slope = dy + row * g.width.output;
    float *const a = dx + first, *const b = a + width;
    size_t q = 0;
    for (; q + lanes <= n; q += lanes) {
      const auto quarter = hn::Mul(hn::LoadU(d, slope + q), hn::Set(d, 0.25f));
      hn::StoreInterleaved2(quarter, quarter, d, a + 2 * q);
      hn::StoreInterleaved2(quarter, quarter, d, b + 2 * q);
    }
    for (; q < n; ++q) a[2 * q] = a[2 * q + 1] = b[2 * q] = b[2 * q + 1] = slope[q] * 0.25f;
    // What no window sees: a last column, a last row.
    for (int64_t w = 2 * g.width.output; w < width; ++w) a[w] = b[w] = 0;
    if (p + 1 == g.height.output) std::fill(b + width, dx + (row / g.height.output + 1) * g.height.input * width, 0.0f);
  }
}

template <bool kPairs>
HWY_INLINE void GradientOfBlock(const Pooling& g, bool padding_counts, const void* dy, void* dx, const Block& block) {
  alignas(64) double counts[kOutputs + kSlack];
  Range counted;  // `counts` are of these windows
  const auto quotients = [&](int64_t p, Range windows, Sums<kPairs, kOutputs>& to) HWY_ATTR {
    const auto n = static_cast<size_t>(windows.size());
    widen(g.dtype, element(g.dtype, dy, (block.plane * g.height.output + p) * g.width.output + windows.begin), n, to.hi);
    if (counted.begin != windows.begin || counted.end != windows.end) g.width.count(windows, padding_counts, counts);
    counted = windows;
    const V down = Num(static_cast<double>(padding_counts ? g.height.places(p) : g.height.taps(p).size()));
    for (size_t i = 0; i < n; i += hn::Lanes(D())) {
      const Pair quotient = QuotientOfSum(Load(to.hi + i), Num(0), hn::Mul(down, Load(counts + i)));
      Store(quotient.hi, to.hi + i);
      if constexpr (kPairs) Store(quotient.lo, to.lo + i);
    }
  };
  SpreadBlock<kPairs>(g, block, quotients, [&](int64_t h, Sums<kPairs, kBlockColumns>& sums) HWY_ATTR {
    const auto n = static_cast<size_t>(block.columns.size());
    for (size_t i = 0; kPairs && i < n; ++i) sums.hi[i] = total({sums.hi[i], sums.low(i)});
    narrow(g.dtype, sums.hi, n, element(g.dtype, dx, (block.plane * g.height.input + h) * g.width.input + block.columns.begin));
  });
}

void GradientBlock(const Pooling& g, bool padding_counts, const void* dy, void* dx, const Block& block) {
  g.dtype == KARAT_F64 ? GradientOfBlock<true>(g, padding_counts, dy, dx, block) : GradientOfBlock<false>(g, padding_counts, dy, dx, block);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(MeanRows);
HWY_EXPORT(HalveRows);
HWY_EXPORT(UnhalveRows);
HWY_EXPORT(GradientBlock);

bool padding_counts(const Arguments& a) {
  const std::int64_t flag = a.integer("count_include_pad");
  require(flag == 0 || flag == 1, "count_include_pad is 0 or 1");
  return flag == 1;
}

bool halves_floats(const Pooling& g) { return g.is_halving() && g.dtype == KARAT_F32; }

struct Forward {
  const karat_tensor &x, &y;
  Pooling pooling;
  bool padded;
  Forward(std::int32_t dtype, const Arguments& a)
      : x(a.tensor("x", KARAT_INPUT, dtype)), y(a.tensor("y", KARAT_OUTPUT, dtype)), pooling(pooling_of(dtype, a, x, y, false)), padded(padding_counts(a)) {}
  void run() const {
    const bool halves = halves_floats(pooling);
    for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      halves ? HWY_DYNAMIC_DISPATCH(HalveRows)(pooling, static_cast<const float*>(x.data), static_cast<float*>(y.data), {begin, end})
             : HWY_DYNAMIC_DISPATCH(MeanRows)(pooling, padded, x.data, y.data, {begin, end});
    });
  }
};

struct Backward {
  const karat_tensor &dy, &x, &dx;
  Pooling pooling;
  bool padded;
  Backward(std::int32_t dtype, const Arguments& a)
      : dy(a.tensor("dy", KARAT_INPUT, dtype)),
        x(a.tensor("x", KARAT_INPUT, dtype)),
        dx(a.tensor("dx", KARAT_OUTPUT, dtype)),
        pooling(pooling_of(dtype, a, x, dy, false)),
        padded(padding_counts(a)) {
    require(shape_of(dx) == shape_of(x) && is_dense(dx), "dx is not dense, or of another shape than x");
  }
  void run() const {
    if (halves_floats(pooling)) {
      for_each_part(pooling.output_rows(), pooling.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
        HWY_DYNAMIC_DISPATCH(UnhalveRows)(pooling, static_cast<const float*>(dy.data), static_cast<float*>(dx.data), {begin, end});
      });
      return;
    }
    const Blocks blocks(pooling);
    for_each_part(blocks.count(), blocks.grain(), pooling.threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) HWY_DYNAMIC_DISPATCH(GradientBlock)(pooling, padded, dy.data, dx.data, blocks[i]);
    });
  }
};

const Planned<Forward> row({.op = "mean_pool2d", .kernel = "columns_first", .capabilities = kDense});
const Planned<Backward> backward({.op = "mean_pool2d_backward", .kernel = "spread", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
