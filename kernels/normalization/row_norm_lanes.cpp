// SPDX-License-Identifier: MIT
#include "kernels/normalization/row_norm_work.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/normalization/row_norm_lanes.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/normalization/moments-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

// Σx².
template <bool kFull>
struct Squares {
  static constexpr int kIn = 1, kSeries = 1;
  static HWY_INLINE void Add(const V* in, V, V* sums) {
    if constexpr (kFull)
      AddTo(sums, TwoProduct(in[0], in[0]));
    else
      sums[0] = hn::MulAdd(in[0], in[0], sums[0]);
  }
};

// Σx², Σx·γ·dy.
template <bool kFull>
struct SquaresAndProducts {
  static constexpr int kIn = 3, kSeries = 2;
  static HWY_INLINE void Add(const V* in, V k, V* sums) {
    Squares<kFull>::Add(in, k, sums);
    if constexpr (kFull)
      AddTo(sums + 2, TimesPair(TwoProduct(in[1], in[2]), in[0]));
    else
      sums[1] = hn::MulAdd(hn::Mul(in[1], in[2]), in[0], sums[1]);
  }
};

HWY_INLINE Pair Wide(Sum s) { return {Num(s.hi), Num(s.lo)}; }

template <bool kFull, bool kCentred>
struct Normalised {
  explicit Normalised(const RowPiece& p) : gamma(p.piece.gamma), beta(p.beta), mean(Wide(p.c.mean)), r(Wide(p.c.r)), hat_tail(Num(p.c.hat_tail)) {}
  HWY_INLINE V operator()(size_t i, V x, V) const {
    const V g = Load(gamma + i);
    if constexpr (kFull) {
      const Pair y = TimesPair(kCentred ? TimesPair(Less(x, mean.hi, mean.lo), r) : TimesPair(r, x), g);
      if constexpr (!kCentred) return Total(y);
      const Pair sum = TwoSum(y.hi, Load(beta + i));
      return Total({sum.hi, hn::Add(sum.lo, y.lo)});
    } else {
      if constexpr (!kCentred) return hn::Mul(hn::Mul(x, r.hi), g);
      return hn::MulAdd(hn::MulAdd(hn::Sub(x, mean.hi), r.hi, hat_tail), g, Load(beta + i));
    }
  }
  static constexpr bool kRepeatable = true;
  const double *gamma, *beta;
  Pair mean, r;
  V hat_tail;
};

// dx; and dy·x̂ and dy into the column sums.
template <bool kFull, bool kCentred>
struct Backwards {
  explicit Backwards(const RowPiece& p)
      : gamma(p.piece.gamma),
        sums(p.column_sums),
        pitch(p.piece.pitch),
        mean(Wide(p.c.mean)),
        r(Wide(p.c.r)),
        mean_g(Wide(p.c.mean_g)),
        slope(Wide(p.c.slope)),
        hat_tail(Num(p.c.hat_tail)),
        dy_scale(Num(p.c.dy_scale)),
        dy_factor(Num(1 / p.c.dy_scale)) {}
  HWY_INLINE V operator()(size_t i, V x, V dy) const {
    double* const at = sums + i;
    if constexpr (kFull) {
      const Pair d = kCentred ? Less(x, mean.hi, mean.lo) : Pair{x, Num(0)};
      AddAt(at, TimesPair(TimesPair(d, r), dy));
      if constexpr (kCentred) AddAt(at + 2 * pitch, {dy, Num(0)});
      Pair g = TwoProduct(hn::Mul(dy, dy_scale), Load(gamma + i));
      if constexpr (kCentred) {
        const Pair rest = Less(g.hi, mean_g.hi, mean_g.lo);
        g = {rest.hi, hn::Add(rest.lo, g.lo)};
      }
      const Pair along = TimesPair(d, slope);
      const Pair difference = Less(g.hi, along.hi);
      return hn::Mul(Total(TimesPair(TwoSum(difference.hi, hn::Add(difference.lo, hn::Sub(g.lo, along.lo))), r)), dy_factor);
    } else {
      const V d = kCentred ? hn::Sub(x, mean.hi) : x;
      const V hat = kCentred ? hn::MulAdd(d, r.hi, hat_tail) : hn::Mul(d, r.hi);
      Store(hn::MulAdd(dy, hat, Load(at)), at);
      if constexpr (kCentred) Store(hn::Add(Load(at + pitch), dy), at + pitch);
      const V g = hn::Mul(dy, Load(gamma + i));
      return hn::Mul(hn::NegMulAdd(d, slope.hi, kCentred ? hn::Sub(g, mean_g.hi) : g), r.hi);
    }
  }
  HWY_INLINE void AddAt(double* at, Pair term) const {
    V series[2] = {Load(at), Load(at + pitch)};
    AddTo(series, term);
    Store(series[0], at);
    Store(series[1], at + pitch);
  }
  static constexpr bool kRepeatable = false;
  const double* gamma;
  double* sums;
  size_t pitch;
  Pair mean, r, mean_g, slope;
  V hat_tail, dy_scale, dy_factor;
};

// The sums and the map of a kind of row.
template <bool kFull, bool kCentred, bool kBackward>
struct Kind;
template <bool kFull>
struct Kind<kFull, false, false> {
  using Sums = Squares<kFull>;
};
template <bool kFull>
struct Kind<kFull, false, true> {
  using Sums = SquaresAndProducts<kFull>;
};
template <bool kFull>
struct Kind<kFull, true, false> {
  using Sums = OfX<kFull>;
};
template <bool kFull>
struct Kind<kFull, true, true> {
  using Sums = OfBoth<kFull, true>;
};

template <bool kFull, bool kCentred, bool kBackward, class T>
void Map(const RowPiece& row) {
  const Piece& p = row.piece;
  const std::conditional_t<kBackward, Backwards<kFull, kCentred>, Normalised<kFull, kCentred>> f(row);
  MapElements<kBackward>(static_cast<const T*>(p.x), static_cast<const T*>(p.dy), static_cast<T*>(p.out), p.length, p.past_caches, f);
}

template <bool kFull, bool kCentred, bool kBackward, class T>
void Rows(const RowsCall& call) {
  using Sums = typename Kind<kFull, kCentred, kBackward>::Sums;
  double sums[kSumsOf<Sums, kFull>];
  RowPiece row{.beta = call.beta, .column_sums = call.column_sums};
  Piece& p = row.piece;
  p.length = call.length;
  p.stride = static_cast<int64_t>(call.length);
  p.gamma = call.gamma;
  p.pitch = call.pitch;
  p.sums = sums;
  p.past_caches = call.past_caches;
  for (size_t i = 0; i < call.rows; ++i) {
    const T* const x = static_cast<const T*>(call.x) + i * call.length;
    p.x = x;
    if constexpr (kBackward) p.dy = static_cast<const T*>(call.dy) + i * call.length;
    p.out = static_cast<T*>(call.out) + i * call.length;
    if constexpr (kCentred) p.k = static_cast<double>(*x);
    const auto moments = [&](double dy_scale) {
      p.dy_scale = dy_scale;
      SumBlock<Sums, kFull, T>(p);
      return moments_of_block<kFull, kCentred, kBackward>(static_cast<double>(p.length), p.k, sums);
    };
    row.c = coefficients_within_reach<kFull, kCentred, kBackward>(moments, call.eps);
    Map<kFull, kCentred, kBackward, T>(row);
  }
}

template <bool kFull, bool kCentred, bool kBackward, class T>
constexpr RowLanes kLanesOf = {SumBlock<typename Kind<kFull, kCentred, kBackward>::Sums, kFull, T>, Map<kFull, kCentred, kBackward, T>,
                               Rows<kFull, kCentred, kBackward, T>};
template <bool kFull, class T>
constexpr RowLanes kLanes[2][2] = {{kLanesOf<kFull, false, false, T>, kLanesOf<kFull, false, true, T>},
                                   {kLanesOf<kFull, true, false, T>, kLanesOf<kFull, true, true, T>}};

const RowLanes* LanesOf(Storage storage, bool centred, bool backward) {
  const auto& lanes = storage == Storage::doubles ? kLanes<true, double> : storage == Storage::floats ? kLanes<false, float> : kLanes<false, double>;
  return &lanes[centred][backward];
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(LanesOf);

const RowLanes& row_lanes(Storage storage, bool centred, bool backward) { return *HWY_DYNAMIC_DISPATCH(LanesOf)(storage, centred, backward); }

}  // namespace karat::kernels
#endif
