// SPDX-License-Identifier: MIT
#include "reference/fast/compare.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reference/fast/compare.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace karat::fast {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<double>;
using DU = hn::RebindToUnsigned<D>;
using DF = hn::Rebind<float, D>;
using DFU = hn::Rebind<std::uint32_t, D>;
using V = hn::Vec<D>;
using M = hn::Mask<D>;

struct Lanes {
  explicit Lanes(const Scale& s)
      : least_normal(hn::Set(D(), s.least_normal)), overflow(hn::Set(D(), s.overflow)), half_below(hn::Set(D(), 0.5 - s.resolution)),
        half_above(hn::Set(D(), 0.5 + s.resolution)), one(hn::Set(D(), 1.0)), huge(hn::Set(D(), 0x1p200)), nan(hn::Set(D(), std::numeric_limits<double>::quiet_NaN())),
        resolution(hn::Set(D(), s.resolution)), exponent(hn::Set(DU(), 0x7ff0000000000000u)),
        // Of doubles within 2^-46 of a power of two, plus `about`, these bits are 0.
        about(hn::Set(DU(), std::uint64_t{1} << (53 - promised_bits))), power_bits(hn::Set(DU(), 0x000fffffffffffffu & ~((std::uint64_t{2} << (53 - promised_bits)) - 1))),
        inverse(hn::Set(DU(), (std::uint64_t{2046} + static_cast<std::uint64_t>(s.precision) - 1) << 52)) {}

  V least_normal, overflow, half_below, half_above, one, huge, nan, resolution;
  hn::Vec<DU> exponent, about, power_bits, inverse;
  V minus_one = hn::Set(D(), -1.0), worst_normal = minus_one, worst_subnormal = minus_one;
  std::size_t rounded = 0, decided = 0, above_one = 0, other_zero = 0;

  // t = y to a double, off = got − y.
  HWY_INLINE void judge(V t, V got, V off, M lanes, double* ulps) {
    const D d;
    const DU du;
    const V size = hn::Abs(t);
    const auto bits = hn::BitCast(du, hn::Max(size, least_normal));
    // 2^(p − 1 − exponent): errors become ulps of y.
    const V error = hn::Mul(hn::Abs(off), hn::BitCast(d, hn::Sub(inverse, hn::And(bits, exponent))));
    // Beside a power of two it is not known on which side y lies, and an ulp is twice as much on one.
    const M power = hn::Eq(hn::BitCast(d, hn::And(hn::Add(hn::BitCast(du, size), about), power_bits)), hn::Zero(d));
    const M open = hn::And(hn::And(power, hn::Gt(error, resolution)), hn::Gt(size, least_normal));
    finish(t, got, error, open, lanes, ulps);
  }

  HWY_INLINE void finish(V t, V got, V error, M open0, M lanes, double* ulps) {
    const D d;
    const V size = hn::Abs(t);
    M near = hn::AndNot(open0, hn::Lt(error, half_below));
    M far = hn::And(hn::AndNot(open0, hn::Gt(error, half_above)), hn::Lt(error, huge));
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::Lt(size, overflow)))) {
      // Rounds to infinity: that is right, and everything else is looked at.
      const M beyond = hn::Ge(size, overflow);
      const M right = hn::And(beyond, hn::Eq(got, hn::CopySign(hn::Set(d, std::numeric_limits<double>::infinity()), t)));
      near = hn::Or(hn::AndNot(beyond, near), right);
      far = hn::AndNot(beyond, far);
      error = hn::IfThenZeroElse(beyond, error);
    }
    near = hn::And(near, lanes);
    far = hn::And(far, lanes);
    const M known = hn::Or(near, far);
    error = hn::IfThenElseZero(known, error);
    rounded += hn::CountTrue(d, near);
    decided += hn::CountTrue(d, known);
    V shown = hn::IfThenElse(known, error, nan);
    const M small = hn::Lt(size, least_normal);
    if (HWY_UNLIKELY(!hn::AllFalse(d, small))) {
      worst_subnormal = hn::Max(worst_subnormal, hn::IfThenElse(hn::And(small, known), error, minus_one));
      worst_normal = hn::Max(worst_normal, hn::IfThenElse(hn::AndNot(small, known), error, minus_one));
      shown = hn::IfThenElse(hn::And(small, known), hn::Neg(error), shown);
      const M zero = hn::And(hn::And(known, hn::Eq(got, hn::Zero(d))), hn::Ne(t, hn::Zero(d)));
      const M opposite = hn::Lt(hn::Mul(hn::CopySign(one, got), hn::CopySign(one, t)), hn::Zero(d));
      other_zero += hn::CountTrue(d, hn::And(zero, opposite));
    } else {
      worst_normal = hn::Max(worst_normal, error);
    }
    above_one += hn::CountTrue(d, hn::Gt(error, one));
    hn::StoreU(shown, d, ulps);
  }
};

HWY_INLINE V GotAt(const Piece& piece, std::size_t i) { return hn::PromoteTo(D(), hn::LoadU(DF(), piece.got + i)); }

template <class Body>
HWY_INLINE void ForEach(const Piece& piece, const Body& body) {
  const std::size_t n = hn::Lanes(D());
  std::size_t i = 0;
  const M all = hn::Eq(hn::Zero(D()), hn::Zero(D()));
  for (; i + n <= piece.count; i += n) body(i, all);
  if (i < piece.count) body(i, hn::FirstN(D(), piece.count - i));
}

// Σ c_k d^k by Horner's rule; of a straight line only what is not 0.
struct Polynomial {
  explicit Polynomial(const Segment& s) : straight(true) {
    for (std::size_t k = 0; k <= degree; ++k) c[k] = hn::Set(D(), s.c[k]);
    for (std::size_t k = 2; k <= degree; ++k) straight = straight && s.c[k] == 0;
  }
  template <bool kStraight>
  HWY_INLINE V at(V x) const {
    if constexpr (kStraight) return hn::MulAdd(c[1], x, c[0]);
    V sum = c[degree];
    for (std::size_t k = degree; k-- > 0;) sum = hn::MulAdd(sum, x, c[k]);
    return sum;
  }
  V c[degree + 1];
  bool straight;
};

HWY_INLINE V InputBits(std::uint32_t first, std::size_t i) {
  const auto bits = hn::Add(hn::Set(DFU(), first + static_cast<std::uint32_t>(i)), hn::Iota(DFU(), 0));
  return hn::PromoteTo(D(), hn::BitCast(DF(), bits));
}

// Where |y| stays in one binade of normal numbers, and every result is decided: otherwise false, and
// nothing is to be taken from it.
template <bool kStraight, bool kPatterns>
bool Quick(const Scale& scale, const Piece& piece, double* ulps, Comparison& result) {
  const D d;
  const hn::RebindToSigned<D> di;
  const Segment& s = *piece.segment;
  const Polynomial polynomial(s);
  const V center = hn::Set(d, s.center), hi = hn::Set(d, s.hi), per_ulp = hn::Set(d, std::ldexp(1.0, scale.precision - 1 - std::ilogb(s.least)));
  const V half_below = hn::Set(d, 0.5 - scale.resolution), half_above = hn::Set(d, 0.5 + scale.resolution), one = hn::Set(d, 1.0);
  V worst = hn::Zero(d);
  auto near = hn::Zero(di), far = hn::Zero(di), over = hn::Zero(di);  // minus how many
  const std::size_t n = hn::Lanes(d), whole = piece.count - piece.count % n;
  for (std::size_t i = 0; i < whole; i += n) {
    const V x = kPatterns ? InputBits(piece.first, i) : hn::PromoteTo(d, hn::LoadU(DF(), piece.inputs + i));
    const V sum = polynomial.at<kStraight>(hn::Sub(x, center));
    const V error = hn::Mul(hn::Abs(hn::Sub(hn::Sub(GotAt(piece, i), hi), sum)), per_ulp);
    near = hn::Add(near, hn::BitCast(di, hn::VecFromMask(d, hn::Lt(error, half_below))));
    far = hn::Add(far, hn::BitCast(di, hn::VecFromMask(d, hn::Gt(error, half_above))));
    over = hn::Add(over, hn::BitCast(di, hn::VecFromMask(d, hn::Gt(error, one))));
    worst = hn::Max(error, worst);
    hn::StoreU(error, d, ulps + i);
  }
  const auto count = [&](auto v) { return static_cast<std::uint32_t>(-hn::GetLane(hn::SumOfLanes(di, v))); };
  result.rounded = count(near);
  result.above_one = count(over);
  result.worst_normal = hn::GetLane(hn::MaxOfLanes(d, worst));
  return result.rounded + count(far) == whole && result.worst_normal < 0x1p200;
}

// What is one number over a segment.
struct Constant {
  Constant(const Scale& scale, const Segment& s) {
    constant = s.kind == Segment::Kind::beyond || s.slope == 0;
    for (std::size_t k = 1; k <= degree; ++k) constant = constant && s.c[k] == 0;
    if (!constant) return;
    y = s.kind == Segment::Kind::beyond ? std::copysign(HUGE_VAL, s.hi) : s.hi + s.c[0];
    const int lowest = std::ilogb(scale.least_normal);
    const auto binade = [&](double v) { return v < scale.least_normal ? lowest : std::isfinite(v) ? std::ilogb(v) : 1000; };
    const int low = binade(s.least);
    // Strictly less than `most`.
    doubtful = s.least < s.most && binade(std::nextafter(s.most, 0.0)) > low;
    per_ulp = std::ldexp(1.0, scale.precision - 1 - low);
  }
  bool constant = false;
  double y = 0, per_ulp = 0;  // of the lower binade, if `doubtful`: an error in ulps is that or half of it
  bool doubtful = false;
};

// Where every result is the correctly rounded one: otherwise false, and nothing is to be taken from it.
bool QuickConstant(const Scale& scale, const Piece& piece, const Constant& constant, double* ulps, Comparison& result) {
  const D d;
  const Segment& s = *piece.segment;
  const bool infinite = !(std::abs(constant.y) < scale.overflow), small = std::abs(constant.y) < scale.least_normal;
  const V hi = hn::Set(d, s.hi), c0 = hn::Set(d, s.c[0]), per_ulp = hn::Set(d, constant.per_ulp);
  const V limit = hn::Set(d, constant.doubtful ? scale.resolution : 0.5 - scale.resolution);
  const V expected = hn::Set(d, std::copysign(HUGE_VAL, constant.y)), sign = hn::Set(d, std::copysign(1.0, constant.y));
  const V minus = hn::Set(d, small ? -0.0 : 0.0);  // errors of subnormal results are stored negative
  V worst = hn::Zero(d);
  M right = hn::Eq(hn::Zero(d), hn::Zero(d));
  const std::size_t n = hn::Lanes(d), whole = piece.count - piece.count % n;
  for (std::size_t i = 0; i < whole; i += n) {
    const V got = GotAt(piece, i);
    if (infinite) {
      right = hn::And(right, hn::Eq(got, expected));
      hn::StoreU(hn::Zero(d), d, ulps + i);
      continue;
    }
    const V error = hn::Mul(hn::Abs(hn::Sub(hn::Sub(got, hi), c0)), per_ulp);
    right = hn::And(right, hn::Lt(error, limit));
    // A zero of the other sign is counted elsewhere.
    if (small && constant.y != 0) right = hn::And(right, hn::Gt(hn::Mul(hn::CopySign(sign, got), sign), hn::Zero(d)));
    worst = hn::Max(error, worst);
    hn::StoreU(hn::Or(error, minus), d, ulps + i);
  }
  if (!hn::AllTrue(d, right)) return false;
  result.rounded = static_cast<std::uint32_t>(whole);
  (small ? result.worst_subnormal : result.worst_normal) = infinite ? 0 : hn::GetLane(hn::MaxOfLanes(d, worst));
  return true;
}

void Careful(const Scale& scale, const Piece& piece, double* ulps, Comparison& result) {
  const D d;
  Lanes lanes(scale);
  const Segment& s = *piece.segment;
  const M none = hn::Ne(hn::Zero(d), hn::Zero(d));
  if (const Constant constant(scale, s); constant.constant) {
    const V t = hn::Set(d, constant.y), hi = hn::Set(d, s.hi), c0 = hn::Set(d, s.c[0]), per_ulp = hn::Set(d, constant.per_ulp);
    const M doubtful = constant.doubtful ? hn::Eq(hn::Zero(d), hn::Zero(d)) : none;
    ForEach(piece, [&](std::size_t i, M used) HWY_ATTR {
      const V got = GotAt(piece, i);
      const V error = hn::Mul(hn::Abs(hn::Sub(hn::Sub(got, hi), c0)), per_ulp);
      lanes.finish(t, got, error, hn::And(doubtful, hn::Gt(error, lanes.resolution)), used, ulps + i);
    });
  } else {
    const V center = hn::Set(d, s.center), hi = hn::Set(d, s.hi);
    const Polynomial polynomial(s);
    const auto body = [&](std::size_t i, M used, V x) HWY_ATTR {
      const V sum = polynomial.at<false>(hn::Sub(x, center)), got = GotAt(piece, i);
      lanes.judge(hn::Add(hi, sum), got, hn::Sub(hn::Sub(got, hi), sum), used, ulps + i);
    };
    if (piece.inputs)
      ForEach(piece, [&](std::size_t i, M used) HWY_ATTR { body(i, used, hn::PromoteTo(D(), hn::LoadU(DF(), piece.inputs + i))); });
    else
      ForEach(piece, [&](std::size_t i, M used) HWY_ATTR { body(i, used, InputBits(piece.first, i)); });
  }
  result.rounded = static_cast<std::uint32_t>(lanes.rounded);
  result.open = static_cast<std::uint32_t>(piece.count - lanes.decided);
  result.above_one = static_cast<std::uint32_t>(lanes.above_one);
  result.other_zero = static_cast<std::uint32_t>(lanes.other_zero);
  result.worst_normal = hn::GetLane(hn::MaxOfLanes(d, lanes.worst_normal));
  result.worst_subnormal = hn::GetLane(hn::MaxOfLanes(d, lanes.worst_subnormal));
}

// |y| in one binade of normal numbers, not beside its ends.
bool IsPlain(const Scale& scale, const Segment& s) {
  if (s.kind != Segment::Kind::polynomial || s.least < scale.least_normal * (1 + 0x1p-40) || !(s.most < 0.5 * scale.overflow)) return false;
  return std::ilogb(s.least * (1 - 0x1p-40)) == std::ilogb(s.most * (1 + 0x1p-40));
}

void CompareLanes(const Scale& scale, const Piece& piece, double* ulps, Comparison& result) {
  result = {};
  const std::size_t rest = piece.count % hn::Lanes(D());
  const Constant constant(scale, *piece.segment);
  if (piece.count > rest && (constant.constant || IsPlain(scale, *piece.segment))) {
    const bool straight = Polynomial(*piece.segment).straight;
    const bool done = constant.constant ? QuickConstant(scale, piece, constant, ulps, result)
                      : piece.inputs    ? (straight ? Quick<true, false>(scale, piece, ulps, result) : Quick<false, false>(scale, piece, ulps, result))
                                        : (straight ? Quick<true, true>(scale, piece, ulps, result) : Quick<false, true>(scale, piece, ulps, result));
    if (done) {
      if (rest == 0) return;
      const std::size_t whole = piece.count - rest;
      const Piece tail{.segment = piece.segment, .inputs = piece.inputs ? piece.inputs + whole : nullptr, .first = piece.first + static_cast<std::uint32_t>(whole), .got = piece.got + whole, .count = rest};
      Comparison last;
      Careful(scale, tail, ulps + whole, last);
      result.rounded += last.rounded;
      result.open += last.open;
      result.above_one += last.above_one;
      result.other_zero += last.other_zero;
      result.worst_normal = std::max(result.worst_normal, last.worst_normal);
      result.worst_subnormal = std::max(result.worst_subnormal, last.worst_subnormal);
      return;
    }
    result = {};
  }
  Careful(scale, piece, ulps, result);
}

void WidenLanes(bool half, const std::uint16_t* from, std::size_t count, float* to) {
  const hn::ScalableTag<float> df;
  const hn::RebindToUnsigned<decltype(df)> du;
  const hn::Rebind<std::uint16_t, decltype(df)> d16;
  const hn::Rebind<hwy::float16_t, decltype(df)> dh;
  const std::size_t n = hn::Lanes(df);
  HWY_ALIGN std::uint16_t last[64] = {};
  for (std::size_t i = 0; i < count; i += n) {
    const std::uint16_t* at = from + i;
    if (i + n > count) {  // nothing is read behind the end
      std::copy(at, from + count, last);
      at = last;
    }
    const auto bits = hn::LoadU(d16, at);
    const auto wide = half ? hn::PromoteTo(df, hn::BitCast(dh, bits)) : hn::BitCast(df, hn::ShiftLeft<16>(hn::PromoteTo(du, bits)));
    hn::StoreU(wide, df, to + i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::fast
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::fast {

HWY_EXPORT(CompareLanes);
HWY_EXPORT(WidenLanes);

void widen(const Format& format, const std::uint16_t* from, std::size_t count, float* to) {
  HWY_DYNAMIC_DISPATCH(WidenLanes)(format.dtype == Dtype::f16, from, count, to);
}

Scale::Scale(const Format& format)
    : least_normal(std::ldexp(1.0, format.e_min)),
      // The middle between the largest finite number and 2^(e_max + 1), and more than what a segment is off by.
      overflow((std::ldexp(2.0, format.e_max) - std::ldexp(1.0, format.e_max - format.precision)) * (1 + 0x1p-44)),
      precision(format.precision),
      resolution(std::ldexp(1.0, format.precision - promised_bits + 1)) {}

std::vector<std::string> instruction_sets() {
  std::vector<std::string> names;
  // A better target has a lower bit.
  for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1) names.emplace_back(hwy::TargetName(rest & -rest));
  return names;
}

Compare comparing(const std::string& instruction_set) {
  for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1)
    if (instruction_set.empty() || instruction_set == hwy::TargetName(rest & -rest)) {
      if constexpr ((HWY_TARGETS & (HWY_TARGETS - 1)) == 0) return HWY_DISPATCH_TABLE(CompareLanes)[0];
      hwy::ChosenTarget chosen;
      chosen.Update(rest & -rest);
      return HWY_DISPATCH_TABLE(CompareLanes)[chosen.GetIndex()];
    }
  return nullptr;
}

}  // namespace karat::fast
#endif
