// SPDX-License-Identifier: MIT
// Conversions between double, or float, and the storage types.
//
// To f16 and bf16 the one rounding is an addition in double: C = 1.5·2^52·q, q the unit of
// the result's last place, makes x + C a multiple of q, to nearest even, and C leaves again
// exactly.  What remains is to move bits.  (Highway 1.0.3 truncates to bf16, rounds f16
// wrongly without F16C, and its SCALAR target clamps infinite doubles to the largest float.)
#include "kernels/convert.hpp"

#include <cstring>

#include "kernels/operator.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/convert.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

using DW = hn::RebindToUnsigned<DF>;  // their bits
using DWS = hn::RebindToSigned<DF>;
using DH = hn::Rebind<uint16_t, D>;  // as many 16-bit patterns
using VW = hn::Vec<DW>;
using VH = hn::Vec<DH>;

// Each format: how a vector's worth is read and written.
struct F32 {
  using Bits = float;
  static HWY_INLINE V Read(const float* p) { return hn::PromoteTo(D(), hn::LoadU(DF(), p)); }
  static HWY_INLINE void Write(V v, float* p) { hn::StoreU(ToFloat(v), DF(), p); }
};

HWY_INLINE VW ReadWords(const uint16_t* p) { return hn::PromoteTo(DW(), hn::LoadU(DH(), p)); }

HWY_INLINE void WriteWords(VW words, uint16_t* p) {
  // Values below 2^16: a saturating conversion from signed leaves them alone.
  hn::StoreU(hn::DemoteTo(DH(), hn::BitCast(DWS(), words)), DH(), p);
}

// v rounded to kPrecision bits, or to a multiple of 2^(kMinExponent - kPrecision + 1) where
// that is more; infinities and NaN, and what is far above the format's range, as they are.
template <int kPrecision, int kMinExponent>
HWY_INLINE V RoundToPrecision(V v) {
  const V smallest = Num(kMinExponent == -14 ? 0x1p-14 : 0x1p-126);  // normal
  static_assert(kMinExponent == -14 || kMinExponent == -126);
  const M large = hn::Not(hn::Lt(hn::Abs(v), Num(0x1p200)));
  const V magnitude = Choose(large, Num(1), AtLeast(hn::Abs(v), smallest));
  // 2^e <= magnitude < 2^(e+1); the unit of the last place is 2^(e - kPrecision + 1).
  const V power = FromBits(hn::And(Bits(magnitude), hn::Set(DU(), 0x7ff0000000000000)));
  constexpr double kShift = 1.5 * static_cast<double>(uint64_t{1} << (53 - kPrecision));
  const V shift = hn::Mul(power, Num(kShift));
  const V rounded = hn::CopySign(hn::Sub(hn::Add(v, shift), shift), v);
  return Choose(large, v, rounded);
}

HWY_INLINE VW FloatBits(V v) { return hn::BitCast(DW(), ToFloat(v)); }

struct BF16 {
  using Bits = uint16_t;
  static HWY_INLINE V Read(const uint16_t* p) {
    return hn::PromoteTo(D(), hn::BitCast(DF(), hn::ShiftLeft<16>(ReadWords(p))));
  }
  static HWY_INLINE void Write(V v, uint16_t* p) {
    WriteWords(hn::ShiftRight<16>(FloatBits(RoundToPrecision<8, -126>(v))), p);
  }
};

struct F16 {
  using Bits = uint16_t;
  // Exponent and significand, moved into a float's place, are the value times 2^-112.
  static HWY_INLINE V Read(const uint16_t* p) {
    const VW half = ReadWords(p);
    const VW magnitude = hn::And(half, hn::Set(DW(), 0x7fff));
    const VW sign = hn::ShiftLeft<16>(hn::And(half, hn::Set(DW(), 0x8000)));
    const V tiny = hn::PromoteTo(D(), hn::BitCast(DF(), hn::ShiftLeft<13>(magnitude)));
    const V finite = hn::Mul(tiny, Num(0x1p112));
    // Exponent 31 reads as 65536 and more: infinity, and above it NaN.
    const V special = Choose(hn::Gt(finite, Num(0x1p16)), NaN(), Inf());
    const V value = Choose(hn::Ge(finite, Num(0x1p16)), special, finite);
    return hn::CopySign(value, hn::PromoteTo(D(), hn::BitCast(DF(), sign)));
  }
  static HWY_INLINE void Write(V v, uint16_t* p) {
    const V rounded = RoundToPrecision<11, -14>(v);
    const V magnitude = AtMost(hn::Abs(rounded), Num(0x1p16));  // 65536 becomes infinity's bits
    const VW bits = hn::ShiftRight<13>(FloatBits(hn::Mul(magnitude, Num(0x1p-112))));
    // A NaN's bits lie above infinity's: let them be a quiet one's.
    const auto signed_bits = hn::BitCast(DWS(), bits);
    const auto infinity = hn::Set(DWS(), 0x7c00);
    const VW number =
        hn::BitCast(DW(), hn::IfThenElse(hn::Gt(signed_bits, infinity), hn::Set(DWS(), 0x7e00), signed_bits));
    const VW sign = hn::ShiftRight<16>(hn::And(FloatBits(v), hn::Set(DW(), 0x80000000)));
    WriteWords(hn::Or(number, sign), p);
  }
};

struct F64 {
  using Bits = double;
  static HWY_INLINE V Read(const double* p) { return Load(p); }
  static HWY_INLINE void Write(V v, double* p) { Store(v, p); }
};

// Whole vectors straight from memory; the rest through a buffer, so that a lane is computed
// in the same way wherever it stands and nothing outside the array is touched.
// Wide: F64 or F32.
template <class Format, class Wide>
HWY_INLINE void WidenAll(const void* source, size_t n, typename Wide::Bits* to) {
  const auto* const from = static_cast<const typename Format::Bits*>(source);
  const size_t lanes = hn::Lanes(D());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) Wide::Write(Format::Read(from + i), to + i);
  if (i == n) return;
  typename Format::Bits rest[HWY_LANES(double)] = {};
  HWY_ALIGN typename Wide::Bits wide[HWY_LANES(double)];
  std::memcpy(rest, from + i, (n - i) * sizeof rest[0]);
  Wide::Write(Format::Read(rest), wide);
  std::memcpy(to + i, wide, (n - i) * sizeof wide[0]);
}

template <class Format, class Wide>
HWY_INLINE void NarrowAll(const typename Wide::Bits* from, size_t n, void* target) {
  auto* const to = static_cast<typename Format::Bits*>(target);
  const size_t lanes = hn::Lanes(D());
  size_t i = 0;
  for (; i + lanes <= n; i += lanes) Format::Write(Wide::Read(from + i), to + i);
  if (i == n) return;
  HWY_ALIGN typename Wide::Bits rest[HWY_LANES(double)] = {};
  typename Format::Bits slim[HWY_LANES(double)];
  std::memcpy(rest, from + i, (n - i) * sizeof rest[0]);
  Format::Write(Wide::Read(rest), slim);
  std::memcpy(to + i, slim, (n - i) * sizeof slim[0]);
}

// Floats and bf16, a whole vector of floats at a time: a bf16 is a float's upper half.
using DFloats = hn::ScalableTag<float>;
using DFloatBits = hn::RebindToUnsigned<DFloats>;
using DBF16s = hn::Rebind<uint16_t, DFloats>;

HWY_INLINE void WidenBF16(const uint16_t* from, size_t n, float* to) {
  size_t i = 0;
  for (; i + hn::Lanes(DFloats()) <= n; i += hn::Lanes(DFloats()))
    hn::StoreU(hn::BitCast(DFloats(), hn::ShiftLeft<16>(hn::PromoteTo(DFloatBits(), hn::LoadU(DBF16s(), from + i)))), DFloats(), to + i);
  WidenAll<BF16, F32>(from + i, n - i, to + i);
}

HWY_INLINE void NarrowBF16(const float* from, size_t n, uint16_t* to) {
  const DFloatBits u;
  size_t i = 0;
  for (; i + hn::Lanes(DFloats()) <= n; i += hn::Lanes(DFloats())) {
    const auto v = hn::LoadU(DFloats(), from + i);
    const auto bits = hn::BitCast(u, v);
    // Half a unit of the last place, less the lowest bit where the last place is even.
    const auto half = hn::Add(hn::Set(u, 0x7fff), hn::And(hn::ShiftRight<16>(bits), hn::Set(u, 1)));
    const auto quiet = hn::Or(bits, hn::Set(u, 0x400000));
    const auto rounded = hn::IfThenElse(hn::RebindMask(u, hn::IsNaN(v)), quiet, hn::Add(bits, half));
    // Below 2^16: a saturating conversion from signed leaves it alone.
    const auto words = hn::BitCast(hn::RebindToSigned<DFloats>(), hn::ShiftRight<16>(rounded));
    hn::StoreU(hn::DemoteTo(DBF16s(), words), DBF16s(), to + i);
  }
  NarrowAll<BF16, F32>(from + i, n - i, to + i);
}

template <class Wide>
HWY_INLINE void WidenFrom(int32_t dtype, const void* from, size_t n, typename Wide::Bits* to) {
  switch (dtype) {
    case KARAT_F32:
      return WidenAll<F32, Wide>(from, n, to);
    case KARAT_F16:
      return WidenAll<F16, Wide>(from, n, to);
    case KARAT_BF16:
      return WidenAll<BF16, Wide>(from, n, to);
    default:
      return WidenAll<F64, Wide>(from, n, to);
  }
}

template <class Wide>
HWY_INLINE void NarrowTo(int32_t dtype, const typename Wide::Bits* from, size_t n, void* to) {
  switch (dtype) {
    case KARAT_F32:
      return NarrowAll<F32, Wide>(from, n, to);
    case KARAT_F16:
      return NarrowAll<F16, Wide>(from, n, to);
    case KARAT_BF16:
      return NarrowAll<BF16, Wide>(from, n, to);
    default:
      return NarrowAll<F64, Wide>(from, n, to);
  }
}

void WidenLanes(int32_t dtype, const void* from, size_t n, double* to) { WidenFrom<F64>(dtype, from, n, to); }
void WidenToFloats(int32_t dtype, const void* from, size_t n, float* to) {
  if (dtype == KARAT_BF16) return WidenBF16(static_cast<const uint16_t*>(from), n, to);
  WidenFrom<F32>(dtype, from, n, to);
}
void NarrowLanes(int32_t dtype, const double* from, size_t n, void* to) { NarrowTo<F64>(dtype, from, n, to); }
void NarrowFloats(int32_t dtype, const float* from, size_t n, void* to) {
  if (dtype == KARAT_BF16) return NarrowBF16(from, n, static_cast<uint16_t*>(to));
  NarrowTo<F32>(dtype, from, n, to);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(WidenLanes);
HWY_EXPORT(WidenToFloats);
HWY_EXPORT(NarrowLanes);
HWY_EXPORT(NarrowFloats);

void widen(std::int32_t dtype, const void* from, std::size_t n, double* to) {
  HWY_DYNAMIC_DISPATCH(WidenLanes)(dtype, from, n, to);
}

void widen(std::int32_t dtype, const void* from, std::size_t n, float* to) {
  HWY_DYNAMIC_DISPATCH(WidenToFloats)(dtype, from, n, to);
}

void narrow(std::int32_t dtype, const double* from, std::size_t n, void* to) {
  HWY_DYNAMIC_DISPATCH(NarrowLanes)(dtype, from, n, to);
}

void narrow(std::int32_t dtype, const float* from, std::size_t n, void* to) {
  HWY_DYNAMIC_DISPATCH(NarrowFloats)(dtype, from, n, to);
}

}  // namespace karat::kernels
#endif
