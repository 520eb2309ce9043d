// SPDX-License-Identifier: MIT
// One rounding, checked against MPFR's own and against constructed traps.
#include "reference/numbers/rounding.hpp"

#include <mpfr.h>

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "reference/numbers/enclosure.hpp"
#include "reference/numbers/real.hpp"

using namespace karat;

namespace {

// MPFR rounds x to the format: precision p, its exponent range, subnormals emulated.
Bits by_mpfr(const Format& f, mpfr_srcptr x, mpfr_rnd_t direction) {
  const mpfr_exp_t emin = mpfr_get_emin(), emax = mpfr_get_emax();
  mpfr_t y;
  mpfr_init2(y, f.precision);
  mpfr_set_emin(f.e_min - f.precision + 2);
  mpfr_set_emax(f.e_max + 1);
  int ternary = mpfr_set(y, x, direction);
  ternary = mpfr_check_range(y, ternary, direction);
  mpfr_subnormalize(y, ternary, direction);
  const double d = mpfr_get_d(y, MPFR_RNDN);  // exact: y is a value of the format
  mpfr_clear(y);
  mpfr_set_emin(emin);
  mpfr_set_emax(emax);
  const auto bits = exact_bits(f, d);
  REQUIRE(bits.has_value());
  return *bits;
}

Real from_truncated(const Truncated& t) {
  Real r(0);
  mpfr_ptr p = r.backend().data();
  mpfr_set_prec(p, 128);
  mpfr_set_uj(p, t.significand, MPFR_RNDN);
  mpfr_mul_2si(p, p, t.exponent, MPFR_RNDN);
  if (t.more) {
    mpfr_t tail;
    mpfr_init2(tail, 64);
    mpfr_set_ui_2exp(tail, 1, t.exponent - 30, MPFR_RNDN);
    mpfr_add(p, p, tail, MPFR_RNDN);
    mpfr_clear(tail);
  }
  if (t.negative) mpfr_neg(p, p, MPFR_RNDN);
  return r;
}

}  // namespace

TEST_CASE("rounding agrees with MPFR on a million random reals a format") {
  std::mt19937_64 random(20260101);
  for (const Format& f : formats()) {
    const int count = 1'000'000;
    for (int i = 0; i < count; ++i) {
      Truncated t;
      t.negative = (random() & 1) != 0;
      t.significand = random() | (std::uint64_t{1} << 63);
      // Half of them near a tie: everything below the format's half place is 0 or 1 … 1.
      const std::uint64_t kind = random() % 4;
      const int low = 64 - f.precision - 1;
      if (kind == 0) t.significand &= ~((std::uint64_t{1} << low) - 1);
      if (kind == 1) t.significand |= (std::uint64_t{1} << low) - 1;
      t.more = (random() & 3) == 0;
      const int reach = f.e_max - f.quantum() + 8;
      t.exponent = f.quantum() - 4 - 63 + static_cast<int>(random() % static_cast<std::uint64_t>(reach));
      const Real x = from_truncated(t);
      const Bits expected = by_mpfr(f, x.backend().data(), MPFR_RNDN);
      if (round_nearest(f, t) != expected || round_down(f, t) != by_mpfr(f, x.backend().data(), MPFR_RNDD) ||
          round_up(f, t) != by_mpfr(f, x.backend().data(), MPFR_RNDU)) {
        FAIL(f.name << ": significand " << t.significand << " exponent " << t.exponent << " more " << t.more);
      }
    }
    SUCCEED(f.name);
  }
}

TEST_CASE("all 16-bit values and the midpoints between them round as they must") {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const Format& f = format(dtype);
    for (std::int64_t n = ordinal(f, f.infinity() | f.sign_mask()) + 1; n < ordinal(f, f.infinity()); ++n) {
      const Bits here = from_ordinal(f, n);
      REQUIRE(ordinal(f, round_nearest(f, truncated(to_double(f, here)))) == n);
      // The midpoint to the next value; above the largest finite one the next is 2^(e_max+1).
      const Bits next = from_ordinal(f, n + 1);
      const double above = is_infinite(f, next) ? std::ldexp(1.0, f.e_max + 1) : to_double(f, next);
      const double middle = to_double(f, here) / 2 + above / 2;
      const std::int64_t even = (here & 1) == 0 ? n : n + 1;
      REQUIRE(ordinal(f, round_nearest(f, truncated(middle))) == even);
      REQUIRE(ordinal(f, round_nearest(f, truncated(std::nextafter(middle, -1e300)))) == n);
      REQUIRE(ordinal(f, round_nearest(f, truncated(std::nextafter(middle, 1e300)))) == n + 1);
      REQUIRE(ordinal(f, round_down(f, truncated(middle))) == n);
      REQUIRE(ordinal(f, round_up(f, truncated(middle))) == n + 1);
    }
  }
}

TEST_CASE("a rounding through a wider format would have gone wrong here") {
  // A tie of the narrow format plus a part that only vanishes in the wide one.
  struct Trap {
    Dtype narrow;
    int wide_precision;
  };
  for (const Trap trap : {Trap{Dtype::f16, 24}, Trap{Dtype::bf16, 24}, Trap{Dtype::f16, 53},
                          Trap{Dtype::bf16, 53}, Trap{Dtype::f32, 53}, Trap{Dtype::f64, 64}}) {
    const Format& f = format(trap.narrow);
    const PrecisionScope scope(300);
    for (const int sign : {1, -1}) {
      // 1 + half a place + a little: one rounding goes up, two stop at the tie and go to even.
      const Enclosure tie = 1 + ldexp(Enclosure(1), -f.precision);
      const Enclosure trapped = sign * (tie + ldexp(Enclosure(1), -trap.wide_precision - 10));
      const auto rounded = round_nearest(f, trapped);
      REQUIRE(rounded.has_value());
      CHECK(to_double(f, *rounded) == sign * (1 + std::ldexp(1.0, 1 - f.precision)));
      // And from below: 1 + 3 halves of a place − a little goes down.
      const Enclosure high = 1 + 3 * ldexp(Enclosure(1), -f.precision);
      const auto down = round_nearest(f, sign * (high - ldexp(Enclosure(1), -trap.wide_precision - 10)));
      REQUIRE(down.has_value());
      CHECK(to_double(f, *down) == sign * (1 + std::ldexp(1.0, 1 - f.precision)));
    }
  }
}

TEST_CASE("subnormals, ties at half the smallest one, and overflow") {
  for (const Format& f : formats()) {
    const PrecisionScope scope(200);
    const Enclosure smallest = ldexp(Enclosure(1), f.quantum());
    CHECK(round_nearest(f, ldexp(smallest, -1)) == Bits{0});  // a tie goes to even
    CHECK(round_nearest(f, ldexp(smallest, -1) + ldexp(smallest, -100)) == Bits{1});
    CHECK(round_nearest(f, ldexp(smallest, -1) + smallest) == Bits{2});
    CHECK(round_nearest(f, -ldexp(smallest, -1)) == f.sign_mask());
    const Enclosure top = ldexp(Enclosure(1), f.e_max + 1);
    const Enclosure half_step = ldexp(Enclosure(1), f.e_max - f.precision);
    CHECK(round_nearest(f, top - half_step) == f.infinity());
    CHECK(round_nearest(f, top - half_step - ldexp(Enclosure(1), f.e_max - 150)) == f.max_finite());
    CHECK(round_nearest(f, ldexp(top, 100000)) == f.infinity());
    CHECK(round_nearest(f, -ldexp(top, 100000)) == (f.infinity() | f.sign_mask()));
    CHECK(round_nearest(f, ldexp(Enclosure(1), -100000)) == Bits{0});
    CHECK(round_down(f, ldexp(top, 5).lower()) == f.max_finite());
    CHECK(round_up(f, ldexp(Enclosure(1), -100000).lower()) == Bits{1});
  }
}

TEST_CASE("an enclosure that straddles a tie has no rounding") {
  const Format& f = format(Dtype::f32);
  const PrecisionScope scope(64);
  const Enclosure third = Enclosure(1) / 3;  // narrow, but not a point
  const Enclosure tie = 1 + ldexp(Enclosure(1), -24);
  CHECK_FALSE(round_nearest(f, tie + (third * 3 - 1)).has_value());
  CHECK(round_nearest(f, third).has_value());
}

TEST_CASE("decimal text is rounded once") {
  // 1 + 2^-24 is a tie of f32; a digit far behind decides, and a double would lose it.
  CHECK(parse(format(Dtype::f32), "1.000000059604644775390625") == 0x3f800000u);
  CHECK(parse(format(Dtype::f32), "1.0000000596046447753906250000000000000001") == 0x3f800001u);
  CHECK(parse(format(Dtype::f16), "65519.99999999999999999999999") == 0x7bffu);
  CHECK(parse(format(Dtype::f16), "65520") == 0x7c00u);
  CHECK(parse(format(Dtype::f32), "1e-400000000") == 0u);
  CHECK(parse(format(Dtype::f32), "1e400000000") == 0x7f800000u);
}
