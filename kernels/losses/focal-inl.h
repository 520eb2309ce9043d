// SPDX-License-Identifier: MIT
// What both focal losses share: α_t, and powers (1 − p_t)^γ.

#if defined(KARAT_KERNELS_FOCAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KARAT_KERNELS_FOCAL_INL_H_
#undef KARAT_KERNELS_FOCAL_INL_H_
#else
#define KARAT_KERNELS_FOCAL_INL_H_
#endif

#include "kernels/losses/focal.hpp"
#include "kernels/losses/likelihood-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {

// A vector of labels 0 and 1.
struct Labels {
  M positive, known;  // label 1; 0 or 1
  explicit HWY_INLINE Labels(V t) : positive(hn::Eq(t, Num(1))), known(hn::Or(positive, hn::Eq(t, hn::Zero(D())))) {}
};

struct Focal {
  explicit HWY_INLINE Focal(const double* parameters) : p(parameters) {}
  HWY_INLINE bool gamma_is_zero() const { return p[focal::kGamma] == 0; }
  HWY_INLINE WidePair Gamma() const { return Normalise(Num(p[focal::kGamma])); }
  HWY_INLINE WidePair Divisor() const { return Normalise(Num(p[focal::kDivisor])); }

  HWY_INLINE V AlphaNarrow(const Labels& labels) const { return Choose(labels.positive, Num(p[focal::kAlpha1]), Num(p[focal::kAlpha0])); }
  HWY_INLINE WidePair Alpha(const Labels& labels) const {
    const Pair zero = {Num(p[focal::kAlpha0]), Num(p[focal::kAlpha0Low])};
    return Normalise(Choose(labels.positive, Pair{Num(p[focal::kAlpha1]), hn::Zero(D())}, zero));
  }

  // q^γ for 0 <= q <= 1, to 2^-43; log() is log q where q > 0, and asked for only if γ is no small multiple of 1/2.
  template <class Log>
  HWY_INLINE V PowerNarrow(V q, const Log& log) const {
    const int twice = static_cast<int>(p[focal::kTwiceGamma]);
    if (twice < 0) return hn::IfThenZeroElse(hn::Eq(q, hn::Zero(D())), Exp(hn::Mul(Num(p[focal::kGamma]), log())));
    V power = (twice & 1) != 0 ? hn::Sqrt(q) : Num(1);
    for (int i = twice / 2; i > 0; --i) power = hn::Mul(power, q);
    return power;
  }

  // γ where it is a small integer, else -1; q^γ for such a γ.
  HWY_INLINE int whole_gamma() const {
    const int twice = static_cast<int>(p[focal::kTwiceGamma]);
    return twice < 0 || (twice & 1) != 0 ? -1 : twice / 2;
  }
  HWY_INLINE WidePair WholePower(const WidePair& q) const {
    WidePair power = {{Num(1), hn::Zero(D())}, hn::Zero(D())};
    for (int i = whole_gamma(); i > 0; --i) power = Multiply(power, q);
    return power;
  }
  const double* p;
};

}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#endif
