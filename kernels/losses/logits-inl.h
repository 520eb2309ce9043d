// SPDX-License-Identifier: MIT
// Exponentials of rows of logits in lanes, f64 as double and the others as float, and what gradients make of them.
//
// With m the row's maximum and e_c = e^(x_c − m), S = Σ e_c is kept as a sum of two doubles in which the 1 of the
// maximum stands apart: rest = S − 1 keeps its digits where one logit dominates.
//   double  x − m as an exact sum, e_c to 0.6 ulp, S to 2^-56.
//   float   x − m rounded once, and e_c to 1 ulp of f32: each e_c is off by (|x_c − m|/2 + 1)
//           ulp at most.  S in 32 partial sums of at most 64 terms a chunk, chunks in double.
// e_c is stored times kUnit, so that it is a normal number down to where a float or a double has no e_c at all.

#if defined(KARAT_KERNELS_LOGITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_LOGITS_INL_H_
#undef KARAT_KERNELS_LOGITS_INL_H_
#else
#define KARAT_KERNELS_LOGITS_INL_H_
#endif

#include "hwy/cache_control.h"
#include "kernels/elementary/double_double-inl.h"
#include "kernels/elementary/minimax.hpp"
#include "kernels/losses/logits.hpp"
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

template <class T>
using Tag = hn::ScalableTag<T>;
template <class T>
using Lane = hn::Vec<Tag<T>>;

template <class T>
inline constexpr size_t kPartial = sizeof(T) == 4 ? 32 : 16;  // partial sums, whatever the vector's length
template <class T>
inline constexpr double kUnit = sizeof(T) == 4 ? 0x1p60 : 0x1p200;

// The elements from i on, and `padding` behind n: nothing beyond the row is read.
template <class T>
HWY_INLINE Lane<T> LoadOr(const T* p, size_t i, size_t n, T padding) {
  const Tag<T> d;
  if (i + hn::Lanes(d) <= n) return hn::LoadU(d, p + i);
  HWY_ALIGN T rest[HWY_LANES(T)];
  std::fill_n(rest, hn::Lanes(d), padding);
  std::copy(p + i, p + n, rest);
  return hn::Load(d, rest);
}

template <class T>
HWY_INLINE void StoreUpTo(Lane<T> v, T* p, size_t i, size_t n) {
  const Tag<T> d;
  if (i + hn::Lanes(d) <= n) return hn::StoreU(v, d, p + i);
  HWY_ALIGN T rest[HWY_LANES(T)];
  hn::Store(v, d, rest);
  std::copy(rest, rest + (n - i), p + i);
}

// Of a vector's worth of doubles.
template <class T>
HWY_INLINE V ElementsOr(const T* p, size_t i, size_t n, T padding) {
  if (i + hn::Lanes(D()) <= n) return LoadElements(p + i);
  HWY_ALIGN T rest[HWY_LANES(double)];
  std::fill_n(rest, hn::Lanes(D()), padding);
  std::copy(p + i, p + n, rest);
  return LoadElements(rest);
}

template <class T>
HWY_INLINE void ElementsUpTo(V v, T* p, size_t i, size_t n) {
  if (i + hn::Lanes(D()) <= n) return StoreElements(v, p + i);
  HWY_ALIGN T rest[HWY_LANES(double)];
  StoreElements(v, rest);
  std::copy(rest, rest + (n - i), p + i);
}

// Of terms in double: f64 keeps the roundings, the others need not.
struct PlainSum {
  V sum;
  HWY_INLINE void Add(V v) { sum = hn::Add(sum, v); }
};
template <class T>
using TermSum = std::conditional_t<sizeof(T) == 4, PlainSum, Accumulator>;
template <class T>
HWY_INLINE TermSum<T> NoTerms() {
  if constexpr (sizeof(T) == 4)
    return {Num(0)};
  else
    return {Num(0), Num(0)};
}

// Over the lanes.  A sum that left the range is what it is.
HWY_INLINE Sum SumOf(const Accumulator& a) {
  HWY_ALIGN double hi[HWY_LANES(double)], lo[HWY_LANES(double)];
  Store(a.hi, hi);
  Store(a.lo, lo);
  Sum sum;
  for (size_t lane = 0; lane < hn::Lanes(D()); ++lane)
    sum = add_terms(sum, Sum{hi[lane], std::isfinite(hi[lane]) ? lo[lane] : 0});
  return sum;
}

HWY_INLINE Sum SumOf(const PlainSum& a) { return {hn::GetLane(hn::SumOfLanes(D(), a.sum)), 0}; }
template <class S>
HWY_INLINE double TotalOf(const S& a) {
  return total(SumOf(a));
}

// The largest of a row, and whether it has a softmax: none where it has a NaN, +∞ or nothing finite.
template <class T>
struct RowPeak {
  T max = -std::numeric_limits<T>::infinity();
  bool valid = true;
};

template <class T>
HWY_INLINE void FindPeak(const T* x, size_t n, RowPeak<T>& peak) {
  const Tag<T> d;
  constexpr T kLowest = -std::numeric_limits<T>::infinity();
  constexpr size_t kVectors = 4;
  Lane<T> max[kVectors];
  for (auto& m : max) m = hn::Set(d, kLowest);
  auto nan = hn::IsNaN(max[0]);
  size_t i = 0;
  for (; i + kVectors * hn::Lanes(d) <= n; i += kVectors * hn::Lanes(d)) {
    for (size_t v = 0; v < kVectors; ++v) {
      const auto x_v = hn::LoadU(d, x + i + v * hn::Lanes(d));
      nan = hn::Or(nan, hn::IsNaN(x_v));
      max[v] = hn::Max(x_v, max[v]);
    }
  }
  for (; i < n; i += hn::Lanes(d)) {
    const auto x_v = LoadOr(x, i, n, kLowest);
    nan = hn::Or(nan, hn::IsNaN(x_v));
    max[0] = hn::Max(x_v, max[0]);
  }
  const bool valid = hn::AllFalse(d, nan);
  const T largest = valid ? hn::GetLane(hn::MaxOfLanes(d, hn::Max(hn::Max(max[0], max[1]), hn::Max(max[2], max[3])))) : kLowest;
  peak = {std::max(peak.max, largest), peak.valid && valid};
}

// e^d·kUnit for d <= 0 as float, exactly 0 below e^-126: there even with kUnit it is below 2^-121.
HWY_INLINE Lane<float> ExpUnits(Lane<float> d) {
  const Tag<float> f;
  // The last bits of 1.5·2^23 + 60 + k are k + 60, which moves into the exponent's place.
  const auto shift = hn::Set(f, 0x1.8p23f + 60);
  const auto t = hn::MulAdd(d, hn::Set(f, static_cast<float>(constants::kLog2E)), shift);
  const auto k = hn::Sub(t, shift);
  const auto high = hn::NegMulAdd(k, hn::Set(f, 8 * minimax::kEighthOfLn2High), d);
  const auto r = hn::NegMulAdd(k, hn::Set(f, 8 * minimax::kEighthOfLn2Low), high);
  auto e = hn::Set(f, static_cast<float>(minimax::kExp6[4]));
  for (int i = 3; i >= 0; --i) e = hn::MulAdd(e, r, hn::Set(f, static_cast<float>(minimax::kExp6[i])));
  e = hn::MulAdd(e, r, hn::Set(f, 1.0f));
  e = hn::MulAdd(e, r, hn::Set(f, 1.0f));
  const hn::RebindToUnsigned<Tag<float>> u;
  const auto scaled = hn::BitCast(f, hn::Add(hn::BitCast(u, e), hn::ShiftLeft<23>(hn::BitCast(u, t))));
  return hn::IfThenZeroElse(hn::Lt(d, hn::Set(f, -126.0f)), scaled);
}

// e^(x − m)·kUnit as a sum, exactly 0 below e^-800.
HWY_INLINE Pair ExpUnits(V x, V m) {
  const Pair d = TwoSum(x, hn::Neg(m));
  const M nothing = hn::Lt(d.hi, Num(-800));
  const Scaled e = ExpScaled(Choose(nothing, Num(0), d.hi), hn::IfThenZeroElse(nothing, d.lo));
  const V scale = Pow2(hn::Add(e.k, Num(200)));
  return {hn::IfThenZeroElse(nothing, hn::Mul(e.hi, scale)), hn::IfThenZeroElse(nothing, hn::Mul(e.lo, scale))};
}

// Σ term(x[i], i) in kPartial<T> partial sums: vectors of x, the last one with `padding` behind n, and where they begin.
// Two at a time: more wait for registers.
template <class Sums, class T, class Term>
HWY_INLINE Sums SumVectors(const T* x, size_t n, T padding, const Term& term) {
  constexpr size_t kLanes = HWY_LANES(T);
  constexpr size_t kTogether = HWY_MIN(2, kPartial<T> / kLanes);
  const size_t whole = n / kPartial<T> * kPartial<T>;
  Sums total = Sums::Zero();
  for (size_t first = 0; first < kPartial<T>; first += kTogether * kLanes) {
    Sums sums[kTogether];
    for (Sums& sum : sums) sum = Sums::Zero();
    for (size_t i = first; i < whole; i += kPartial<T>)
      for (size_t v = 0; v < kTogether; ++v) sums[v].Add(term(hn::LoadU(Tag<T>(), x + i + v * kLanes), i + v * kLanes));
    for (const Sums& sum : sums) total.Add(sum);
  }
  Sums rest = Sums::Zero();
  for (size_t i = whole; i < n; i += kLanes) rest.Add(term(LoadOr(x, i, n, padding), i));
  total.Add(rest);
  return total;
}

struct FloatSums {
  Lane<float> sum;
  static HWY_INLINE FloatSums Zero() { return {hn::Zero(Tag<float>())}; }
  HWY_INLINE void Add(Lane<float> v) { sum = hn::Add(sum, v); }
  HWY_INLINE void Add(const FloatSums& other) { Add(other.sum); }
  HWY_INLINE double Total() const { return static_cast<double>(hn::GetLane(hn::SumOfLanes(Tag<float>(), sum))); }
};

struct DoubleSums {
  Accumulator sum;
  static HWY_INLINE DoubleSums Zero() { return {{Num(0), Num(0)}}; }
  HWY_INLINE void Add(Pair v) { sum.Add(v); }
  HWY_INLINE void Add(const DoubleSums& other) { Add(Pair{other.sum.hi, other.sum.lo}); }
};

// What comes behind a row, most often the next one, is asked for during the exponentials: a maximum takes less time than
// a row's way from memory, and so do the stores.  Nothing is read, whatever lies there.
template <class T>
HWY_INLINE void AskForNext(const T* x, const T* e) {
  hwy::Prefetch(x);
  __builtin_prefetch(e, 1);
}

// e[i] = e^(x[i] − m)·kUnit, and their sum divided by kUnit.
inline HWY_NOINLINE Sum ExpRow(const float* x, size_t n, float max, float* e) {
  const Tag<float> f;
  const auto m = hn::Set(f, max);
  const auto sums = SumVectors<FloatSums>(x, n, -std::numeric_limits<float>::infinity(), [=](Lane<float> x_i, size_t i) HWY_ATTR {
    AskForNext(x + n + i, e + n + i);
    const auto e_i = ExpUnits(hn::Sub(x_i, m));
    StoreUpTo(e_i, e, i, n);
    return e_i;
  });
  const double s = sums.Total() / kUnit<float>;
  // One maximum and less than a half: the rest by itself.
  if (!(s >= 1 && s < 1.5)) return {s, 0};
  const auto unit = hn::Set(f, static_cast<float>(kUnit<float>));
  const auto others = SumVectors<FloatSums>(
      e, n, 0.0f, [=](Lane<float> e_i, size_t) HWY_ATTR { return hn::IfThenZeroElse(hn::Eq(e_i, unit), e_i); });
  const double rest = others.Total() / kUnit<float>;
  return s - rest > 0.5 ? two_sum(1, rest) : Sum{rest, 0};
}

inline HWY_NOINLINE Sum ExpRow(const double* x, size_t n, double max, double* e) {
  const V m = Num(max);
  const auto sums = SumVectors<DoubleSums>(x, n, -std::numeric_limits<double>::infinity(), [=](V x_i, size_t i) HWY_ATTR {
    AskForNext(x + n + i, e + n + i);
    const Pair e_i = ExpUnits(x_i, m);
    StoreUpTo(e_i.hi, e, i, n);
    return e_i;
  });
  const Sum s = SumOf(sums.sum);
  return {s.hi / kUnit<double>, s.lo / kUnit<double>};
}

// What is known of a row of logits when its exponentials have been taken.
template <class T>
struct WeighedRow {
  RowPeak<T> peak;
  Sum sum;  // S
  double rest() const { return (sum.hi - 1) + sum.lo; }
};

// Where the row is one chunk, e holds its exponentials in the end.
template <class T>
HWY_INLINE WeighedRow<T> WeighRow(RowsIn<T>& x, std::int64_t row, T* e) {
  WeighedRow<T> result;
  for (std::int64_t i = 0; i < x.number(); ++i) {
    const RowChunk chunk = x.chunk(i);
    FindPeak(x.read(row, chunk), chunk.n, result.peak);
  }
  result.peak.valid = result.peak.valid && std::isfinite(result.peak.max);
  if (!result.peak.valid) {
    result.sum = {std::numeric_limits<double>::quiet_NaN(), 0};
    return result;
  }
  for (std::int64_t i = 0; i < x.number(); ++i) {
    const RowChunk chunk = x.chunk(i);
    result.sum = result.sum + ExpRow(x.read(row, chunk), chunk.n, result.peak.max, e);
  }
  return result;
}

// log S = log(1 + rest) of n rows in the place of rest; Losses::kBlock of them are there.
HWY_INLINE void LogSums(double* rests, std::int64_t n) {
  for (size_t i = 0; i < static_cast<size_t>(n); i += hn::Lanes(D())) Store(Log1p(Load(rests + i)), rests + i);
}

// A factor of e, kUnit taken out: first·second, where e·first is a normal number for every e of ExpRow but 0, or the
// product is none anyway, and second is a power of two.
struct Scaling {
  double first, second;
};

template <class T>
HWY_INLINE Scaling ScalingOf(long double factor) {
  factor /= kUnit<T>;
  constexpr int kMost = sizeof(T) == 4 ? 120 : 1000;
  const long double magnitude = std::fabs(factor);
  constexpr long double kLow = sizeof(T) == 4 ? 0x1p-100L : 0x1p-300L, kHigh = sizeof(T) == 4 ? 0x1p50L : 0x1p500L;
  if ((magnitude >= kLow && magnitude <= kHigh) || factor == 0 || !std::isfinite(factor)) return {static_cast<double>(factor), 1};
  const int k = std::clamp(std::ilogb(factor), -kMost, kMost);
  return {static_cast<double>(std::ldexp(factor, -k)), std::ldexp(1.0, k)};
}

// out[i] = e[i]·factor; out may be e.
template <class T>
HWY_INLINE void ScaleRow(const T* e, size_t n, const Scaling& scaling, T* out) {
  const Tag<T> d;
  const auto first = hn::Set(d, static_cast<T>(scaling.first)), second = hn::Set(d, static_cast<T>(scaling.second));
  for (size_t i = 0; i < n; i += hn::Lanes(d)) StoreUpTo(hn::Mul(hn::Mul(LoadOr(e, i, n, T(0)), first), second), out, i, n);
}

// out[i] = e[i]·factor − u[i]·b; out may be e; u is read to the end of a vector.
template <class T>
HWY_INLINE void ScaleAndSubtractRow(const T* e, const double* u, size_t n, const Scaling& scaling, long double b, T* out) {
  const V first = Num(scaling.first), second = Num(scaling.second),
          minus = Num(static_cast<double>(-b / static_cast<long double>(scaling.second)));
  for (size_t i = 0; i < n; i += hn::Lanes(D())) {
    const V difference = hn::MulAdd(ElementsOr(e, i, n, T(0)), first, hn::Mul(Load(u + i), minus));
    ElementsUpTo(hn::Mul(difference, second), out, i, n);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
