// SPDX-License-Identifier: MIT
// softmax:                       y_i  = e_i/S, e_i = e^(x_i - max x), S = Σ e_j
// softmax_backward:              dx_i = s_i·(dy_i - Σ dy_j·s_j)
// softmax_backward_from_output:  dx_i = y_i·(dy_i - Σ dy_j·y_j)
//
// Method: three passes: maximum, sum, result.  x_i - max x is kept as an exact sum of two
// doubles, and so is S.  Backward, with δ_j = dy_j - dy_i* (i* the position of the maximum):
//   dx_i = e_i·(S·δ_i - T)/S²,  T = Σ e_j·δ_j,
// where a constant dy gives exactly 0 and the dominant entry does not cancel.  What cancels
// to less than the digits that were carried is 0.
//
// Bound in double: 0.7 ulp forward (worst seen 0.68), 1 backward (0.69) and from the output
// (0.53), where the terms cancel by at most 2^-30: f64 keeps e_j to 94 bits, in sums of two
// doubles with exponents of their own, so that no intermediate result leaves the range.  f32,
// f16 and bf16 keep e_j to 56 bits and round once: 0.5 ulp and what dy's last digit lets cancel.
#include "kernels/activations/softmax_sums.hpp"

#ifndef KARAT_KERNELS_SOFTMAX_NOISE_  // this file is read once a target
#define KARAT_KERNELS_SOFTMAX_NOISE_
namespace karat::kernels {
namespace {
// Of the terms of T: the roundings of e_j are 2^-53 of them, in sums of two doubles 2^-94.
constexpr double kNoiseNarrow = 0x1p-46, kNoise = 0x1p-80;
}  // namespace
}  // namespace karat::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/softmax.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/activations/softmax_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void ForwardLanes(double* x, size_t count, double max, const Sum& sum) {
  const Pair s = Broadcast(sum);
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Scaled e = ExpOf(Below(Load(x + i), max));
    Store(Scale2(Quotient({e.hi, e.lo}, s), AtLeast(e.k, Num(-2000))), x + i);
  }
}

// Backward, f32, f16, bf16: e_j to 56 bits, the rest in sums of two doubles; no exponent comes
// near the ends of a double's range.
HWY_INLINE Pair Delta(V dy, double dy_max) { return TwoSum(dy, Num(-dy_max)); }

Sums SumLanesNarrow(const double* dy, const double* x, size_t count, double max, double dy_max) {
  Sum result[3];
  SumLanes(
      count,
      [=](size_t i, Accumulator(&sums)[3]) HWY_ATTR {
        const Pair e = PairOf(ExpOf(Below(Load(x + i), max)));
        const Pair term = Multiply(e, Delta(Load(dy + i), dy_max));
        sums[0].Add(e);
        sums[1].Add(term);
        sums[2].Add(hn::Abs(term.hi));
      },
      result);
  return {result[0], result[1], result[2]};
}

void BackwardLanesNarrow(const double* dy, double* x, size_t count, double max, double dy_max,
                         const Sums& sums) {
  const Pair s = Broadcast(sums.s), minus_t = Negate(Broadcast(sums.t));
  const V square = hn::Mul(s.hi, s.hi);
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Pair e = PairOf(ExpOf(Below(Load(x + i), max)));
    const Pair term = Multiply(s, Delta(Load(dy + i), dy_max));
    const V difference = Add(term, minus_t).hi;
    const V larger = AtLeast(hn::Abs(term.hi), hn::Abs(minus_t.hi));
    const M cancelled = hn::Lt(hn::Abs(difference), hn::Mul(larger, Num(kNoiseNarrow)));
    Store(hn::Div(hn::Mul(e.hi, hn::IfThenZeroElse(cancelled, difference)), square), x + i);
  }
}

// Backward, f64.
HWY_INLINE WidePair WideDelta(V dy, double dy_max) {
  return Normalise(Add(Normalise(dy), Negate(Normalise(Num(dy_max)))));
}

// The largest exponent of a term of T.
double ExponentLanes(const double* dy, const double* x, size_t count, double max, double dy_max) {
  V largest = Num(kExponentOfZero);
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Difference d = Below(Load(x + i), max);
    const V k = RoundToInteger(hn::Mul(d.bounded, Num(constants::kLog2E)));
    largest = AtLeast(largest, hn::Add(k, WideDelta(Load(dy + i), dy_max).e));  // not a NaN
  }
  HWY_ALIGN double lanes[HWY_LANES(double)];
  Store(largest, lanes);
  return *std::max_element(lanes, lanes + hn::Lanes(D()));
}

// Σ e_j without the largest, divided by 2^exponent, and T, divided by 2^t_exponent.
Sums SumLanesFull(const double* dy, const double* x, size_t count, const RowMaximum& maximum, double dy_max,
                  double t_exponent) {
  Sum result[3];
  SumLanes(
      count,
      [&](size_t i, Accumulator(&sums)[3]) HWY_ATTR {
        const Weight e = WeightOf(Below(Load(x + i), maximum.peak.max));
        const WidePair delta = WideDelta(Load(dy + i), dy_max);
        const Pair term = Scale(Multiply(e.w, delta.m), hn::Sub(hn::Add(e.k, delta.e), Num(t_exponent)));
        sums[0].Add(Scale(e.w, hn::Sub(e.k, Num(maximum.exponent))));
        sums[1].Add(term);
        sums[2].Add(hn::Abs(term.hi));
      },
      result);
  return {result[0], result[1], result[2]};
}

void BackwardLanesFull(const double* dy, double* x, size_t count, double max, double dy_max, const Sum& sum,
                       const WideSum& t) {
  const Pair s = Broadcast(sum);
  const Pair square = Multiply(s, s);
  const WidePair minus_t = Negate(Broadcast(t));
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Weight e = WeightOf(Below(Load(x + i), max));
    const WidePair delta = WideDelta(Load(dy + i), dy_max);
    const WidePair difference = AddWithoutNoise({Multiply(s, delta.m), delta.e}, minus_t, kNoise);
    const V value = Quotient(Multiply(e.w, difference.m), square);
    Store(Scale3(value, hn::Add(e.k, difference.e)), x + i);
  }
}

// From the output.
Sum ProductsNarrow(const double* dy, const double* y, size_t count) {
  Sum result[1];
  SumLanes(
      count,
      [=](size_t i, Accumulator(&sums)[1]) HWY_ATTR { sums[0].Add(TwoProduct(Load(dy + i), Load(y + i))); },
      result);
  return result[0];
}

void FromOutputLanesNarrow(const double* dy, double* y, size_t count, const Sum& total) {
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const V difference = hn::Sub(hn::Sub(Load(dy + i), Num(total.hi)), Num(total.lo));
    Store(hn::Mul(Load(y + i), difference), y + i);
  }
}

// From the output, f64.  With a dominant y_t, c = dy_t and δ_i = dy_i - c,
//   dy_i - Σ dy_j·y_j = δ_i + c·(1 - y_t) - Σ_{j ≠ t} dy_j·y_j:
// where y_t is nearly 1, as in the output of softmax, nothing large is left to cancel.
double ExponentOfProducts(const double* dy, const double* y, size_t count) {
  V largest = Num(kExponentOfZero);
  for (size_t i = 0; i < count; i += hn::Lanes(D()))
    largest = AtLeast(largest, hn::Add(Normalise(Load(dy + i)).e, Normalise(Load(y + i)).e));
  HWY_ALIGN double lanes[HWY_LANES(double)];
  Store(largest, lanes);
  return *std::max_element(lanes, lanes + hn::Lanes(D()));
}

// Σ dy_j·y_j, divided by 2^exponent.
Sum SumOfProducts(const double* dy, const double* y, size_t count, double exponent) {
  Sum result[1];
  SumLanes(
      count,
      [=](size_t i, Accumulator(&sums)[1]) HWY_ATTR {
        const WidePair a = Normalise(Load(dy + i)), b = Normalise(Load(y + i));
        sums[0].Add(Scale(TwoProduct(a.m.hi, b.m.hi), hn::Sub(hn::Add(a.e, b.e), Num(exponent))));
      },
      result);
  return result[0];
}

// dx_i = y_i·(δ_i + rest).
void FromOutputLanesFull(const double* dy, double* y, size_t count, double c, const WideSum& rest) {
  const WidePair wide_rest = Broadcast(rest);
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const WidePair difference = Add(WideDelta(Load(dy + i), c), wide_rest);
    const WidePair product = Multiply(Normalise(Load(y + i)), difference);
    Store(Scale3(product.m.hi, product.e), y + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(ForwardLanes);
HWY_EXPORT(SumLanesNarrow);
HWY_EXPORT(BackwardLanesNarrow);
HWY_EXPORT(ExponentLanes);
HWY_EXPORT(SumLanesFull);
HWY_EXPORT(BackwardLanesFull);
HWY_EXPORT(ProductsNarrow);
HWY_EXPORT(FromOutputLanesNarrow);
HWY_EXPORT(ExponentOfProducts);
HWY_EXPORT(SumOfProducts);
HWY_EXPORT(FromOutputLanesFull);

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void forward(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 0);
  if (!maximum.valid()) return row.write_all(kNaN);
  const Sum sum = Sum{1} + scale(sum_of_others(row, 0, maximum, Digits::of_double), maximum.exponent);
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double x[kChunk];
    row.read(0, chunk, 0, x);
    HWY_DYNAMIC_DISPATCH(ForwardLanes)(x, chunk.padded(), maximum.peak.max, sum);
    row.write(chunk, x);
  });
}

void backward_narrow(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 1);
  if (!maximum.valid()) return row.write_all(kNaN);
  const double max = maximum.peak.max, dy_max = row.element(0, maximum.peak.index);
  Sums sums = row.reduce(
      Sums{},
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], x[kChunk];
        row.read(0, chunk, 0, dy);
        read_without(row, 1, chunk, maximum.peak.index, x);
        return HWY_DYNAMIC_DISPATCH(SumLanesNarrow)(dy, x, chunk.padded(), max, dy_max);
      },
      std::plus());
  sums.s = Sum{1} + sums.s;
  sums.t = without_noise(sums, kNoiseNarrow);
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double dy[kChunk], x[kChunk];
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, x);
    HWY_DYNAMIC_DISPATCH(BackwardLanesNarrow)(dy, x, chunk.padded(), max, dy_max, sums);
    row.write(chunk, x);
  });
}

void backward(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 1);
  if (!maximum.valid()) return row.write_all(kNaN);
  const double max = maximum.peak.max, dy_max = row.element(0, maximum.peak.index);
  // A chunk without the largest entry, which has no part in T.
  const auto read_others = [&](const Chunk& chunk, double* dy, double* x) {
    row.read(0, chunk, 0, dy);
    read_without(row, 1, chunk, maximum.peak.index, x);
  };
  const double t_exponent = row.reduce(
      kExponentOfZero,
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], x[kChunk];
        read_others(chunk, dy, x);
        return HWY_DYNAMIC_DISPATCH(ExponentLanes)(dy, x, chunk.padded(), max, dy_max);
      },
      [](double a, double b) { return std::max(a, b); });
  const Sums sums = row.reduce(
      Sums{},
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], x[kChunk];
        read_others(chunk, dy, x);
        return HWY_DYNAMIC_DISPATCH(SumLanesFull)(dy, x, chunk.padded(), maximum, dy_max, t_exponent);
      },
      std::plus());
  const Sum s = Sum{1} + scale(sums.s, maximum.exponent);
  const WideSum t = normalised(without_noise(sums, kNoise), t_exponent);
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double dy[kChunk], x[kChunk];
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, x);
    HWY_DYNAMIC_DISPATCH(BackwardLanesFull)(dy, x, chunk.padded(), max, dy_max, s, t);
    row.write(chunk, x);
  });
}

void from_output_narrow(const Row& row) {
  const Sum total = row.reduce(
      Sum{},
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], y[kChunk];
        row.read(0, chunk, 0, dy);
        row.read(1, chunk, 0, y);
        return HWY_DYNAMIC_DISPATCH(ProductsNarrow)(dy, y, chunk.padded());
      },
      std::plus());
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double dy[kChunk], y[kChunk];
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, y);
    HWY_DYNAMIC_DISPATCH(FromOutputLanesNarrow)(dy, y, chunk.padded(), total);
    row.write(chunk, y);
  });
}

void from_output(const Row& row) {
  const Peak peak = find_peak(row, 1);
  // The dominant one of numbers that may be probabilities; otherwise c = 0 and none is left out.
  const bool dominant = peak.max > 0.5 && largest_magnitude(row, 1) <= 1;
  const std::int64_t top = dominant ? peak.index : -1;
  const double c = dominant ? row.element(0, top) : 0, y_top = dominant ? peak.max : 0;
  // A chunk in which y_top is 0, and so has no part in the sum.
  const auto read_others = [&](const Chunk& chunk, double* dy, double* y) {
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, y);
    if (top >= chunk.begin && top < chunk.begin + static_cast<std::int64_t>(chunk.n))
      y[top - chunk.begin] = 0;
  };
  const double exponent = row.reduce(
      kExponentOfZero,
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], y[kChunk];
        read_others(chunk, dy, y);
        return HWY_DYNAMIC_DISPATCH(ExponentOfProducts)(dy, y, chunk.padded());
      },
      [](double a, double b) { return std::max(a, b); });
  const Sum others = row.reduce(
      Sum{},
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], y[kChunk];
        read_others(chunk, dy, y);
        return HWY_DYNAMIC_DISPATCH(SumOfProducts)(dy, y, chunk.padded(), exponent);
      },
      std::plus());
  const WideSum rest = normalised({c, 0}) * normalised(two_sum(1, -y_top)) + -normalised(others, exponent);
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double dy[kChunk], y[kChunk];
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, y);
    HWY_DYNAMIC_DISPATCH(FromOutputLanesFull)(dy, y, chunk.padded(), c, rest);
    row.write(chunk, y);
  });
}

const Rowwise row(
    {.op = "softmax", .kernel = "three_pass", .attributes = {"axis"}, .declines = declines_axis}, forward,
    forward);

const Rowwise backward_row({.op = "softmax_backward",
                            .kernel = "shifted_dot",
                            .inputs = 2,
                            .attributes = {"axis"},
                            .declines = declines_axis},
                           backward, backward_narrow);

const Rowwise from_output_row({.op = "softmax_backward_from_output",
                               .kernel = "compensated_dot",
                               .inputs = 2,
                               .attributes = {"axis"},
                               .declines = declines_axis},
                              from_output, from_output_narrow);

}  // namespace
}  // namespace karat::kernels
#endif
