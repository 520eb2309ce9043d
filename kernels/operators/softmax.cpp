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
// Bound: forward 0.6 ulp in double.  Backward loses what S·δ_i - T cancels: of 53 bits and a
// result of 24 or fewer for f32, f16 and bf16; of 94 bits for f64, in sums of two doubles with
// exponents of their own, so that no intermediate result leaves the range.
#include "kernels/softmax.hpp"

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
#define HWY_TARGET_INCLUDE "kernels/operators/softmax.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/softmax-inl.h"

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

// Backward, f32, f16, bf16: S and T in double, their roundings kept.
Sums SumLanesNarrow(const double* dy, const double* x, size_t count, double max, double dy_max) {
  Sum result[3];
  SumLanes(
      count,
      [=](size_t i, Accumulator(&sums)[3]) HWY_ATTR {
        const V e = Exp(hn::Sub(Load(x + i), Num(max)));
        const Pair term = TwoProduct(e, hn::Sub(Load(dy + i), Num(dy_max)));
        sums[0].Add(e);
        sums[1].Add(term);
        sums[2].Add(hn::Abs(term.hi));
      },
      result);
  return {result[0], result[1], result[2]};
}

void BackwardLanesNarrow(const double* dy, double* x, size_t count, double max, double dy_max,
                         const Sums& sums) {
  const Pair s = Broadcast(sums.s), t = Broadcast(sums.t);
  const V square = hn::Mul(s.hi, s.hi);
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const V e = Exp(hn::Sub(Load(x + i), Num(max)));
    const V delta = hn::Sub(Load(dy + i), Num(dy_max));
    const Pair product = TwoProduct(s.hi, delta);
    const V low = hn::Sub(hn::MulAdd(s.lo, delta, product.lo), t.lo);
    const V larger = AtLeast(hn::Abs(product.hi), hn::Abs(t.hi));
    const V sum = hn::Add(hn::Sub(product.hi, t.hi), low);
    const M cancelled = hn::Lt(hn::Abs(sum), hn::Mul(larger, Num(kNoiseNarrow)));
    const V difference = hn::IfThenZeroElse(cancelled, sum);
    Store(hn::Div(hn::Mul(e, difference), square), x + i);
  }
}

// Backward, f64.
HWY_INLINE WidePair Delta(V dy, double dy_max) {
  return Normalise(Add(Normalise(dy), Negate(Normalise(Num(dy_max)))));
}

// The largest exponent of a term of T.
double ExponentLanes(const double* dy, const double* x, size_t count, double max, double dy_max) {
  V largest = Num(kExponentOfZero);
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Difference d = Below(Load(x + i), max);
    const V k = RoundToInteger(hn::Mul(d.bounded, Num(constants::kLog2E)));
    largest = AtLeast(largest, hn::Add(k, Delta(Load(dy + i), dy_max).e));  // not a NaN
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
        const WidePair delta = Delta(Load(dy + i), dy_max);
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
    const WidePair delta = Delta(Load(dy + i), dy_max);
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

double ProductExponentLanes(const double* dy, const double* y, size_t count) {
  V largest = Num(kExponentOfZero);
  for (size_t i = 0; i < count; i += hn::Lanes(D()))
    largest = AtLeast(largest, hn::Add(Normalise(Load(dy + i)).e, Normalise(Load(y + i)).e));
  HWY_ALIGN double lanes[HWY_LANES(double)];
  Store(largest, lanes);
  return *std::max_element(lanes, lanes + hn::Lanes(D()));
}

// Σ dy_j·y_j, divided by 2^exponent.
Sum ProductsFull(const double* dy, const double* y, size_t count, double exponent) {
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

void FromOutputLanesFull(const double* dy, double* y, size_t count, const WideSum& total) {
  const WidePair minus_total = Negate(Broadcast(total));
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const WidePair difference = Add(Normalise(Load(dy + i)), minus_total);
    const WidePair factor = Normalise(Load(y + i));
    const Pair product = Multiply(factor.m, difference.m);
    Store(Scale3(product.hi, hn::Add(factor.e, difference.e)), y + i);
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
HWY_EXPORT(ProductExponentLanes);
HWY_EXPORT(ProductsFull);
HWY_EXPORT(FromOutputLanesFull);

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void forward(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 0);
  if (!maximum.valid()) return row.write_all(kNaN);
  const Sum sum = Sum{1} + scale(sum_of_others(row, 0, maximum), maximum.exponent);
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

template <class Part>
Sum sum_of_products(const Row& row, const Part& part) {
  return row.reduce(
      Sum{},
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], y[kChunk];
        row.read(0, chunk, 0, dy);
        row.read(1, chunk, 0, y);
        return part(dy, y, chunk.padded());
      },
      std::plus());
}

template <class Lanes>
void write_products(const Row& row, const Lanes& lanes) {
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double dy[kChunk], y[kChunk];
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, y);
    lanes(dy, y, chunk.padded());
    row.write(chunk, y);
  });
}

void from_output_narrow(const Row& row) {
  const Sum total = sum_of_products(row, [](const double* dy, const double* y, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(ProductsNarrow)(dy, y, n);
  });
  write_products(row, [&](const double* dy, double* y, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(FromOutputLanesNarrow)(dy, y, n, total);
  });
}

void from_output(const Row& row) {
  const double exponent = row.reduce(
      kExponentOfZero,
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk], y[kChunk];
        row.read(0, chunk, 0, dy);
        row.read(1, chunk, 0, y);
        return HWY_DYNAMIC_DISPATCH(ProductExponentLanes)(dy, y, chunk.padded());
      },
      [](double a, double b) { return std::max(a, b); });
  const Sum total = sum_of_products(row, [&](const double* dy, const double* y, std::size_t n) {
    return HWY_DYNAMIC_DISPATCH(ProductsFull)(dy, y, n, exponent);
  });
  const WideSum wide = normalised(total, exponent);
  write_products(row, [&](const double* dy, double* y, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(FromOutputLanesFull)(dy, y, n, wide);
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
