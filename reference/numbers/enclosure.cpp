// SPDX-License-Identifier: MIT
// The only file that includes Arb.
#include "reference/numbers/enclosure.hpp"

#include <arb.h>
#include <flint/flint.h>
#include <mpfr.h>

#include <boost/multiprecision/mpfr.hpp>
#include <cmath>
#include <cstring>
#include <new>

#include "reference/numbers/real.hpp"

namespace karat {

struct Balls {
  static arb_ptr get(Enclosure& x) { return reinterpret_cast<arb_ptr>(x.storage_); }
  static arb_srcptr get(const Enclosure& x) { return reinterpret_cast<arb_srcptr>(x.storage_); }
  static_assert(sizeof(arb_struct) == sizeof(Enclosure) && alignof(arb_struct) <= alignof(Enclosure));
};

namespace {

thread_local int current_bits = 128;

arb_ptr ball(Enclosure& x) { return Balls::get(x); }
arb_srcptr ball(const Enclosure& x) { return Balls::get(x); }

using Unary = void (*)(arb_t, const arb_t, slong);
using Binary = void (*)(arb_t, const arb_t, const arb_t, slong);

Enclosure apply(Unary f, const Enclosure& x) {
  Enclosure y;
  f(ball(y), ball(x), current_bits);
  return y;
}
Enclosure apply(Binary f, const Enclosure& x, const Enclosure& y) {
  Enclosure z;
  f(ball(z), ball(x), ball(y), current_bits);
  return z;
}

// Arb gives up on e^x beyond |x| ≈ 2^100 or so; here e^x = 2^n · e^(x − n·log 2) for any n.
// `n` has as many bits as x has before its point.
void exp_of_huge(arb_t y, const arb_t x, slong bits) {
  arb_t t, log2;
  arb_init(t);
  arb_init(log2);
  fmpz_t n;
  fmpz_init(n);
  const slong wide = bits + arf_abs_bound_lt_2exp_si(arb_midref(x)) + 16;
  arb_const_log2(log2, wide);
  arb_div(t, x, log2, wide);
  arf_get_fmpz(n, arb_midref(t), ARF_RND_NEAR);
  arb_mul_fmpz(t, log2, n, wide);
  arb_sub(t, x, t, wide);
  arb_exp(y, t, bits);
  arb_mul_2exp_fmpz(y, y, n);
  fmpz_clear(n);
  arb_clear(log2);
  arb_clear(t);
}

Truncated truncated_arf(const arf_t x) {
  Truncated t;
  t.negative = arf_sgn(x) < 0;
  if (arf_is_nan(x)) {
    t.kind = Truncated::Kind::nan;
  } else if (arf_is_inf(x)) {
    t.kind = Truncated::Kind::infinite;
  } else if (!arf_is_zero(x)) {
    arf_t head;
    arf_init(head);
    t.more = arf_set_round(head, x, 64, ARF_RND_DOWN) != 0;
    fmpz_t mantissa, exponent;
    fmpz_init(mantissa);
    fmpz_init(exponent);
    arf_get_fmpz_2exp(mantissa, exponent, head);  // odd mantissa
    fmpz_abs(mantissa, mantissa);
    const slong shift = 64 - static_cast<slong>(fmpz_bits(mantissa));
    t.significand = fmpz_get_ui(mantissa) << shift;
    // Exponents that no format can tell apart are clamped.
    constexpr slong far = slong{1} << 40;
    t.exponent = fmpz_cmp_si(exponent, far) > 0    ? far
                 : fmpz_cmp_si(exponent, -far) < 0 ? -far
                                                   : fmpz_get_si(exponent) - shift;
    fmpz_clear(exponent);
    fmpz_clear(mantissa);
    arf_clear(head);
  }
  return t;
}

Truncated end_of(const Enclosure& x, bool upper) {
  arf_t end;
  arf_init(end);
  // Ends are sums of two binary numbers; when their exponents lie far apart the exact sum is
  // huge, so it is taken at a precision that keeps it an outer bound.
  const slong bits = current_bits + 64;
  if (upper)
    arb_get_ubound_arf(end, ball(x), bits);
  else
    arb_get_lbound_arf(end, ball(x), bits);
  const Truncated t = truncated_arf(end);
  arf_clear(end);
  return t;
}

}  // namespace

PrecisionScope::PrecisionScope(int bits)
    : bits_(current_bits), digits_(boost::multiprecision::mpfr_float::thread_default_precision()) {
  current_bits = bits;
  // The witness should overflow as late as it can: e^(10^18) is a number like any other.
  mpfr_set_emin(mpfr_get_emin_min());
  mpfr_set_emax(mpfr_get_emax_max());
  boost::multiprecision::mpfr_float::thread_default_precision(static_cast<unsigned>(bits * 0.30103) + 1);
}
PrecisionScope::~PrecisionScope() {
  current_bits = bits_;
  boost::multiprecision::mpfr_float::thread_default_precision(digits_);
}
int working_precision() { return current_bits; }
NumberCaches::~NumberCaches() {
  flint_cleanup();
  mpfr_free_cache();
}

Enclosure::Enclosure(int value) {
  arb_init(ball(*this));
  if (value != 0) arb_set_si(ball(*this), value);
}
Enclosure::Enclosure(double value) {
  arb_init(ball(*this));
  if (std::isnan(value))
    arb_indeterminate(ball(*this));
  else
    arb_set_d(ball(*this), value);
}
Enclosure::Enclosure(const Enclosure& other) {
  arb_init(ball(*this));
  arb_set(ball(*this), ball(other));
}
Enclosure::Enclosure(Enclosure&& other) noexcept {
  arb_init(ball(*this));
  arb_swap(ball(*this), ball(other));
}
Enclosure& Enclosure::operator=(const Enclosure& other) {
  arb_set(ball(*this), ball(other));
  return *this;
}
Enclosure& Enclosure::operator=(Enclosure&& other) noexcept {
  arb_swap(ball(*this), ball(other));
  return *this;
}
Enclosure::~Enclosure() { arb_clear(ball(*this)); }

Enclosure operator+(const Enclosure& x, const Enclosure& y) { return apply(arb_add, x, y); }
Enclosure operator-(const Enclosure& x, const Enclosure& y) { return apply(arb_sub, x, y); }
Enclosure operator*(const Enclosure& x, const Enclosure& y) { return apply(arb_mul, x, y); }
Enclosure operator/(const Enclosure& x, const Enclosure& y) { return apply(arb_div, x, y); }
Enclosure operator-(const Enclosure& x) {
  Enclosure y;
  arb_neg(ball(y), ball(x));
  return y;
}
Enclosure exp(const Enclosure& x) {
  arb_srcptr b = ball(x);
  if (arb_is_finite(b) && arf_cmpabs_2exp_si(arb_midref(b), 60) > 0 &&
      mag_cmp_2exp_si(arb_radref(b), 60) < 0) {
    Enclosure y;
    exp_of_huge(ball(y), b, current_bits);
    return y;
  }
  return apply(arb_exp, x);
}
Enclosure expm1(const Enclosure& x) {
  return arf_cmpabs_2exp_si(arb_midref(ball(x)), 60) > 0 ? exp(x) - 1 : apply(arb_expm1, x);
}
Enclosure log(const Enclosure& x) { return apply(arb_log, x); }
Enclosure log1p(const Enclosure& x) { return apply(arb_log1p, x); }
Enclosure sqrt(const Enclosure& x) { return apply(arb_sqrt, x); }
Enclosure abs(const Enclosure& x) {
  Enclosure y;
  arb_abs(ball(y), ball(x));
  return y;
}
Enclosure max(const Enclosure& x, const Enclosure& y) { return apply(arb_max, x, y); }
Enclosure min(const Enclosure& x, const Enclosure& y) { return apply(arb_min, x, y); }
Enclosure ldexp(const Enclosure& x, long exponent) {
  Enclosure y;
  arb_mul_2exp_si(ball(y), ball(x), exponent);
  return y;
}

bool operator<(const Enclosure& x, const Enclosure& y) {
  if (arb_lt(ball(x), ball(y))) return true;
  if (arb_ge(ball(x), ball(y))) return false;
  throw Undecided{};
}
bool Enclosure::certainly_below(const Enclosure& y) const { return arb_lt(ball(*this), ball(y)) != 0; }
bool Enclosure::certainly_at_most(const Enclosure& y) const { return arb_le(ball(*this), ball(y)) != 0; }
bool Enclosure::is_exact() const { return arb_is_exact(ball(*this)) && arb_is_finite(ball(*this)); }
bool Enclosure::is_bounded() const { return arb_is_finite(ball(*this)) != 0; }
bool Enclosure::is_nan() const { return arf_is_nan(arb_midref(ball(*this))) != 0; }
bool is_exact_zero(const Enclosure& x) { return arb_is_zero(ball(x)) != 0; }

Truncated Enclosure::lower() const { return end_of(*this, false); }
Truncated Enclosure::upper() const { return end_of(*this, true); }
Enclosure Enclosure::lower_end() const {
  Enclosure e;
  arb_get_lbound_arf(arb_midref(ball(e)), ball(*this), current_bits + 64);
  return e;
}
Enclosure Enclosure::upper_end() const {
  Enclosure e;
  arb_get_ubound_arf(arb_midref(ball(e)), ball(*this), current_bits + 64);
  return e;
}

std::optional<long> Enclosure::binade() const {
  const Truncated a = lower(), b = upper();
  if (a.kind != Truncated::Kind::finite || b.kind != Truncated::Kind::finite) return std::nullopt;
  if (a.significand == 0 || b.significand == 0 || a.negative != b.negative) return std::nullopt;
  if (a.exponent != b.exponent) return std::nullopt;
  return static_cast<long>(a.exponent + 63);
}

double Enclosure::midpoint() const { return arf_get_d(arb_midref(ball(*this)), ARF_RND_NEAR); }

std::optional<std::string> Enclosure::decimal(int digits) const {
  if (!is_bounded()) return std::nullopt;
  if (is_exact_zero(*this)) return "0";
  mpfr_t end;
  mpfr_init2(end, current_bits + 64);
  std::string texts[2];
  for (const bool upper : {false, true}) {
    const Enclosure e = upper ? upper_end() : lower_end();
    const int inexact = arf_get_mpfr(end, arb_midref(ball(e)), MPFR_RNDN);
    if (inexact != 0 || !mpfr_number_p(end) || mpfr_zero_p(end)) {  // beyond MPFR's exponents
      mpfr_clear(end);
      return std::nullopt;
    }
    mpfr_exp_t exponent = 0;
    char* raw = mpfr_get_str(nullptr, &exponent, 10, static_cast<std::size_t>(digits), end, MPFR_RNDN);
    std::string text = raw;
    mpfr_free_str(raw);
    const std::size_t first = text[0] == '-' ? 1 : 0;
    if (digits > 1) text.insert(first + 1, ".");
    texts[upper ? 1 : 0] = text + "e" + std::to_string(exponent - 1);
  }
  mpfr_clear(end);
  if (texts[0] != texts[1]) return std::nullopt;
  return texts[0];
}

std::string Enclosure::hexadecimal(int digits) const {
  if (!is_bounded()) return "?";
  if (is_exact_zero(*this)) return "0x0p+0";
  const Truncated t = truncated_arf(arb_midref(ball(*this)));
  if (t.significand == 0) return "0x0p+0";
  static constexpr char digit[] = "0123456789abcdef";
  std::string fraction;
  std::uint64_t rest = t.significand << 1;
  for (int i = 0; i < digits && rest != 0; ++i, rest <<= 4) fraction += digit[rest >> 60];
  const bool cut = rest != 0 || t.more || !is_exact();
  fmpz_t exponent;  // of the leading bit; it may be any integer
  fmpz_init(exponent);
  arf_abs_bound_lt_2exp_fmpz(exponent, arb_midref(ball(*this)));
  fmpz_sub_ui(exponent, exponent, 1);
  char* digits_of_exponent = fmpz_get_str(nullptr, 10, exponent);
  const std::string power = (fmpz_sgn(exponent) < 0 ? "" : "+") + std::string(digits_of_exponent);
  flint_free(digits_of_exponent);
  fmpz_clear(exponent);
  return std::string(t.negative ? "-" : "") + "0x1" + (fraction.empty() && !cut ? "" : ".") + fraction +
         (cut ? "…" : "") + "p" + power;
}

std::optional<Bits> round_nearest(const Format& f, const Enclosure& x) {
  const Bits low = round_nearest(f, x.lower());
  const Bits high = round_nearest(f, x.upper());
  if (low != high || is_nan(f, low)) return std::nullopt;
  return low;
}

}  // namespace karat
