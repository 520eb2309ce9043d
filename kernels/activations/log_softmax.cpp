// SPDX-License-Identifier: MIT
// log_softmax:                       y_i  = (x_i - max x) - log S, S = Σ_j e^(x_j - max x)
// log_softmax_backward:              dx_i = dy_i - s_i·Σ dy_j
// log_softmax_backward_from_output:  dx_i = dy_i - e^(y_i)·Σ dy_j
//
// Method: log S = log1p(rest), the term 1 of the maximum kept out of the sum, so that the
// dominant entry's -p keeps its digits.  Backward, with D = Σ dy_j and i* the maximum's place:
//   dx_i  = (dy_i·S - e_i·D)/S,  dx_i* = (dy_i*·rest - Σ_{j ≠ i*} dy_j)/S,
// and from the output, where |y_i| < ln2/2, dx_i = -(D - dy_i) - (e^(y_i) - 1)·D: what is left
// of 1 - s is not the difference of two ones.
//
// Bound in double: 1.5 ulp forward (worst seen 1.32), 1 backward (0.90 and 0.91 from the output),
// where the terms cancel by at most 2^-30: f64 keeps e_j to 94 bits, in sums of two doubles with
// exponents of their own, so that no intermediate result leaves the range.  f32, f16 and bf16
// keep e_j to 56 bits and round once: 0.5 ulp and what dy's last digit lets cancel.
#include "kernels/activations/softmax_sums.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/log_softmax.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/activations/softmax_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// log(1 + rest·2^exponent); a rest below 2^-60 is its own logarithm.
double LogSumLanes(const Sum& rest, double exponent) {
  const V scaled = Scale3(Num(rest.hi), Num(exponent));
  const V log = Choose(hn::Lt(scaled, Num(0x1p-60)), scaled, Log1p(scaled));
  return hn::GetLane(log);
}

void ForwardLanes(double* x, size_t count, double max, double log_sum) {
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Difference d = Below(Load(x + i), max);
    const Pair y = TwoSum(d.hi, Num(-log_sum));
    const M finite = hn::Lt(hn::Abs(y.hi), Num(3000));
    const V value = hn::Add(y.hi, hn::IfThenElseZero(finite, hn::Add(y.lo, d.lo)));
    Store(Choose(hn::Eq(d.hi, Num(0)), Num(-log_sum), value), x + i);
  }
}

Sum SumLanesOf(const double* dy, size_t count) {
  Sum result[1];
  SumLanes(
      count, [=](size_t i, Accumulator(&sums)[1]) HWY_ATTR { sums[0].Add(Load(dy + i)); }, result);
  return result[0];
}

// Backward, f32, f16, bf16: e_i to 56 bits, the rest in sums of two doubles.
void BackwardLanesNarrow(const double* dy, double* x, size_t count, double max, const Sum& sum,
                         const Sum& total) {
  const Pair s = Broadcast(sum), minus_total = Negate(Broadcast(total));
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Pair e = PairOf(ExpOf(Below(Load(x + i), max)));
    const Pair gradient = Multiply({Load(dy + i), Num(0)}, s);
    Store(hn::Div(Add(gradient, Multiply(e, minus_total)).hi, s.hi), x + i);
  }
}

// Backward, f64.
void BackwardLanesFull(const double* dy, double* x, size_t count, double max, const Sum& sum,
                       const WideSum& total) {
  const Pair s = Broadcast(sum);
  const WidePair minus_total = Negate(Broadcast(total));
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const Weight e = WeightOf(Below(Load(x + i), max));
    const WidePair gradient = Normalise(Load(dy + i));
    const WidePair taken = Multiply({e.w, e.k}, minus_total);
    const WidePair difference = Add({Multiply(gradient.m, s), gradient.e}, taken);
    Store(Scale3(Quotient(difference.m, s), difference.e), x + i);
  }
}

// From the output.
void FromOutputLanesNarrow(const double* dy, double* y, size_t count, const Sum& total) {
  const Pair minus_total = Negate(Broadcast(total));
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const V gradient = Load(dy + i), x = Load(y + i);
    // Near: (dy - D) - (e^y - 1)·D, otherwise dy - e^y·D.
    const M near = hn::Lt(hn::Abs(x), Num(0.34));
    const Expm1Parts expm1 = Expm1Scaled(Choose(near, x, Num(0)));
    // e^300 times a sum of f32 numbers that is not 0 exceeds them all, but not a double.
    const Scaled exp = ExpScaled(AtMost(AtLeast(x, Num(-1000)), Num(300)), Num(0));
    const Pair factor = Choose(near, FastTwoSum(expm1.hi, expm1.lo), PairOf(exp));
    const Pair minus_near = {hn::IfThenElseZero(near, minus_total.hi),
                             hn::IfThenElseZero(near, minus_total.lo)};
    const Pair start = Add({gradient, Num(0)}, minus_near);
    Store(Add(start, Multiply(factor, minus_total)).hi, y + i);
  }
}

void FromOutputLanesFull(const double* dy, double* y, size_t count, const WideSum& total) {
  const WidePair minus_total = Negate(Broadcast(total));
  for (size_t i = 0; i < count; i += hn::Lanes(D())) {
    const V x = AtMost(AtLeast(Load(y + i), Num(-3000)), Num(3000));
    const ExpPair e = ExpDoubleDouble({x, Num(0)});
    const M near = hn::Eq(e.k, Num(0));
    const WidePair gradient = Normalise(Load(dy + i));
    // Near: (dy - D) - (e^y - 1)·D, otherwise dy - e^y·D.
    const WidePair factor = Normalise(Choose(near, e.p, OnePlus(e.p)));
    const WidePair without = Add(gradient, minus_total);
    const WidePair start = {Choose(near, without.m, gradient.m), Choose(near, without.e, gradient.e)};
    const WidePair taken = Multiply({factor.m, hn::Add(factor.e, e.k)}, minus_total);
    const WidePair difference = Add(Normalise(start), taken);
    Store(Scale3(difference.m.hi, difference.e), y + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(LogSumLanes);
HWY_EXPORT(ForwardLanes);
HWY_EXPORT(SumLanesOf);
HWY_EXPORT(BackwardLanesNarrow);
HWY_EXPORT(BackwardLanesFull);
HWY_EXPORT(FromOutputLanesNarrow);
HWY_EXPORT(FromOutputLanesFull);

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t kNowhere = -1;

void forward(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 0);
  if (!maximum.valid()) return row.write_all(kNaN);
  const double log_sum =
      HWY_DYNAMIC_DISPATCH(LogSumLanes)(sum_of_others(row, 0, maximum, Digits::of_double), maximum.exponent);
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double x[kChunk];
    row.read(0, chunk, 0, x);
    HWY_DYNAMIC_DISPATCH(ForwardLanes)(x, chunk.padded(), maximum.peak.max, log_sum);
    row.write(chunk, x);
  });
}

// Σ dy_j, divided by 2^exponent, less the entry at `without`.
Sum sum_of_gradients(const Row& row, std::int64_t without, int exponent) {
  return row.reduce(
      Sum{},
      [&](const Chunk& chunk) {
        alignas(64) double dy[kChunk];
        row.read(0, chunk, 0, dy);
        if (without >= chunk.begin && without < chunk.begin + static_cast<std::int64_t>(chunk.n))
          dy[without - chunk.begin] = 0;
        if (exponent != 0)
          for (std::size_t i = 0; i < chunk.n; ++i) dy[i] = std::ldexp(dy[i], -exponent);
        return HWY_DYNAMIC_DISPATCH(SumLanesOf)(dy, chunk.padded());
      },
      std::plus());
}

// Divided by 2 to this power, sums of a row's gradients stay finite: 0 unless some are huge.
int exponent_of(const Row& row) { return largest_magnitude(row, 0) > 0x1p960 ? 64 : 0; }

template <class Lanes>
void write_gradients(const Row& row, std::int64_t dominant, double dominant_value, const Lanes& lanes) {
  row.for_each_chunk([&](const Chunk& chunk) {
    alignas(64) double dy[kChunk], x[kChunk];
    row.read(0, chunk, 0, dy);
    row.read(1, chunk, 0, x);
    lanes(dy, x, chunk.padded());
    if (dominant >= chunk.begin && dominant < chunk.begin + static_cast<std::int64_t>(chunk.n))
      x[dominant - chunk.begin] = dominant_value;
    row.write(chunk, x);
  });
}

// What both backward variants know of a row.
struct Gradients {
  Sum sum;          // S
  WideSum total;    // D
  double dominant;  // dx_i*
};

Gradients gradients_of(const Row& row, const RowMaximum& maximum, int exponent, Digits digits) {
  const Sum rest = sum_of_others(row, 1, maximum, digits);
  const Sum sum = Sum{1} + scale(rest, maximum.exponent);
  const WideSum others = normalised(sum_of_gradients(row, maximum.peak.index, exponent), exponent);
  const WideSum own = normalised({row.element(0, maximum.peak.index), 0});
  const WideSum difference = own * normalised(rest, maximum.exponent) + -others;
  // Divided by S as m·2^e, so that neither leaves the range before the result does.
  return {sum, own + others, value({{quotient(difference.m, sum), 0}, difference.e})};
}

void backward_narrow(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 1);
  if (!maximum.valid()) return row.write_all(kNaN);
  const Gradients g = gradients_of(row, maximum, 0, Digits::of_double);
  const Sum total = scale(g.total.m, g.total.e);
  write_gradients(row, maximum.peak.index, g.dominant, [&](const double* dy, double* x, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(BackwardLanesNarrow)(dy, x, n, maximum.peak.max, g.sum, total);
  });
}

void backward(const Row& row) {
  const RowMaximum maximum = find_row_maximum(row, 1);
  if (!maximum.valid()) return row.write_all(kNaN);
  const Gradients g = gradients_of(row, maximum, exponent_of(row), Digits::of_two);
  write_gradients(row, maximum.peak.index, g.dominant, [&](const double* dy, double* x, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(BackwardLanesFull)(dy, x, n, maximum.peak.max, g.sum, g.total);
  });
}

void from_output_narrow(const Row& row) {
  const Sum total = sum_of_gradients(row, kNowhere, 0);
  write_gradients(row, kNowhere, 0, [&](const double* dy, double* y, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(FromOutputLanesNarrow)(dy, y, n, total);
  });
}

void from_output(const Row& row) {
  const int exponent = exponent_of(row);
  const WideSum total = normalised(sum_of_gradients(row, kNowhere, exponent), exponent);
  write_gradients(row, kNowhere, 0, [&](const double* dy, double* y, std::size_t n) {
    HWY_DYNAMIC_DISPATCH(FromOutputLanesFull)(dy, y, n, total);
  });
}

const Rowwise row(
    {.op = "log_softmax", .kernel = "log1p_rest", .attributes = {"axis"}, .declines = declines_axis}, forward,
    forward);

const Rowwise backward_row({.op = "log_softmax_backward",
                            .kernel = "dominant_apart",
                            .inputs = 2,
                            .attributes = {"axis"},
                            .declines = declines_axis},
                           backward, backward_narrow);

const Rowwise from_output_row({.op = "log_softmax_backward_from_output",
                               .kernel = "expm1_near_zero",
                               .inputs = 2,
                               .attributes = {"axis"},
                               .declines = declines_axis},
                              from_output, from_output_narrow);

}  // namespace
}  // namespace karat::kernels
#endif
