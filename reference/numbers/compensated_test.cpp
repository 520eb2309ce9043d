// SPDX-License-Identifier: MIT
#include "reference/numbers/compensated.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "reference/numbers/enclosure.hpp"
#include "reference/numbers/functions.hpp"

namespace karat {
namespace {

const Format& f32() { return format(Dtype::f32); }
const Format& f64() { return format(Dtype::f64); }

// |exact − (high + low)| ≤ error, not certainly false.
bool holds(const Compensated& y, const Enclosure& exact) {
  return !y.unsure() && !Enclosure(y.error).certainly_below(abs(exact - Enclosure(y.high) - Enclosure(y.low)));
}

// Numbers of either format whose sums and products cancel, beside others.
double drawn(std::mt19937_64& random, const Format& f) {
  const double share = static_cast<double>(random() >> 11) * 0x1p-53 * 2 - 1;
  const double v = std::ldexp(share, static_cast<int>(random() % 40) - 20);
  return f.dtype == Dtype::f64 ? v : static_cast<double>(static_cast<float>(v));
}

TEST_CASE("every result of arithmetic lies within its bound of the exact one, and not far from it") {
  const PrecisionScope scope(400);
  std::mt19937_64 random(20261125);
  for (const Format* f : {&f32(), &f64()})
    for (int trial = 0; trial < 4000; ++trial) {
      // A chain of operations on numbers that are already computed.
      Compensated y = Compensated::input(drawn(random, *f), *f);
      Enclosure exact(y.high);
      for (int step = 0; step < 6; ++step) {
        const double d = drawn(random, *f);
        const Compensated x = Compensated::input(d, *f);
        const Enclosure e(d);
        switch (random() % 5) {
          case 0: y = y + x, exact = exact + e; break;
          case 1: y = x - y, exact = e - exact; break;
          case 2: y = y * x, exact = exact * e; break;
          case 3: y = y / x, exact = exact / e; break;
          default: y = sqrt(y * y), exact = sqrt(exact * exact); break;
        }
        if (y.unsure()) break;  // a division by nearly nothing
        CHECK(holds(y, exact));
      }
    }
}

TEST_CASE("a bound that is a little too small is seen") {
  const PrecisionScope scope(400);
  std::mt19937_64 random(4);
  int seen = 0, tried = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    const double a = drawn(random, f64()), b = drawn(random, f64()), c = drawn(random, f64());
    Compensated y = Compensated::input(a, f64()) * Compensated::input(b, f64()) / Compensated::input(c, f64());
    if (y.unsure() || y.low == 0) continue;
    y.error *= 0x1p-12;
    ++tried;
    seen += holds(y, Enclosure(a) * Enclosure(b) / Enclosure(c)) ? 0 : 1;
  }
  REQUIRE(tried > 1000);
  CHECK(seen > tried / 2);
}

TEST_CASE("sums of any length are within their bound, which is below 2^-80 of the sum of magnitudes") {
  const PrecisionScope scope(400);
  std::mt19937_64 random(7);
  for (const Format* f : {&f32(), &f64()})
    for (const std::size_t n : {2, 3, 31, 32, 33, 64, 65, 1000, 100'000}) {
      CompensatedSum sum;
      Enclosure exact(0);
      double absolute = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double a = drawn(random, *f), b = drawn(random, *f);
        // Every other pair of terms cancels, so that what is left is what additions leave over.
        const double sign = i % 2 == 0 ? 1 : -1;
        sum.add(Compensated::input(a, *f) * Compensated::input(sign * b, *f));
        exact = exact + Enclosure(a) * Enclosure(sign * b);
        absolute += std::abs(a * b);
      }
      const Compensated y = sum.total();
      CAPTURE(f->name, n);
      CHECK(holds(y, exact));
      CHECK(y.error <= 0x1p-80 * absolute);
    }
}

TEST_CASE("costs of sums of products are the tape's") {
  std::mt19937_64 random(8);
  for (const Format* f : {&f32(), &f64()})
    for (const std::size_t n : {1, 2, 7, 128, 129, 1000, 4096}) {
      PriceTape tape(*f, true);
      Sum<Compensated> sum;
      Sum<Priced> priced;
      for (std::size_t i = 0; i < n; ++i) {
        const double a = drawn(random, *f), b = drawn(random, *f);
        sum.add(Compensated::input(a, *f) * Compensated::input(b, *f));
        priced.add(tape.input(a) * tape.input(b));
      }
      const Compensated root = sqrt(sum.total() * sum.total() + Compensated(1)) / Compensated(3);
      const Priced square = priced.total() * priced.total();
      const Priced same = sqrt(square + Priced(1)) / Priced(3);
      const auto expected = static_cast<double>(tape.budget(same)), got = (root.cost - root.own) * std::ldexp(1.0, -f->precision);
      CAPTURE(f->name, n, expected, got);
      CHECK(root.rounds());
      CHECK(std::abs(got - expected) <= 1e-9 * expected);
    }
}

TEST_CASE("what certainly rounds is known, and what may be exact is never said to round") {
  std::mt19937_64 random(9);
  for (int trial = 0; trial < 3000; ++trial) {
    const auto n = static_cast<std::size_t>(2 + random() % 60);
    const int bits = static_cast<int>(random() % 26);  // around the 24 of the format
    PriceTape tape(f32(), true);
    CompensatedSum all;
    std::vector<Priced> priced;
    for (std::size_t i = 0; i < n; ++i) {
      const auto v = static_cast<double>(static_cast<float>(random() % ((std::uint64_t{1} << bits) + 1)));
      all.add(Compensated::input(v, f32()));
      priced.push_back(tape.input(v));
    }
    const Compensated y = all.total();
    const bool exact = tape.exact(sum(priced));
    CAPTURE(trial, n, bits);
    CHECK(!(y.rounds() && exact));
    CHECK((y.rounds() || exact));
  }
}

TEST_CASE("what over- or underflows, divides by zero or is not followed is unsure") {
  const auto x = [](double v) { return Compensated::input(v, f32()); };
  CHECK((x(0x1p100) * x(0x1p100)).unsure());
  CHECK((x(0x1p-100) * x(0x1p-100)).unsure());
  CHECK((x(1) / x(0)).unsure());
  CHECK(sqrt(x(0)).unsure());
  CHECK(sqrt(x(-1)).unsure());
  CHECK(exp(x(1)).unsure());
  CHECK(x(HUGE_VAL).unsure());
  CHECK((x(1) + x(std::nan(""))).unsure());
  CHECK(Compensated::input(1, format(Dtype::f16)).unsure());
  CHECK_FALSE((x(0) * x(3)).unsure());
  CompensatedSum sum;
  sum.add(x(1));
  sum.add(x(HUGE_VAL));
  CHECK(sum.total().unsure());
}

TEST_CASE("comparisons decide, or say that they do not") {
  const auto x = [](double v) { return Compensated::input(v, f64()); };
  CHECK(x(1) < x(2));
  CHECK_FALSE(x(2) < x(2));
  CHECK(x(2) <= x(2));
  CHECK(max(x(1), x(3)).high == 3);
  CHECK(min(x(1), x(3)).high == 1);
  const Compensated third = x(1) / x(3);
  CHECK(third > x(1.0 / 3));  // the double is below
  CHECK_THROWS_AS(third < third, Undecided);
  CHECK_THROWS_AS(x(std::nan("")) < x(1), Undecided);
}

TEST_CASE("every instruction set adds up within the same bound") {
  const PrecisionScope scope(400);
  std::mt19937_64 random(10);
  int sets = 0;
  for (const char* set : {"AVX3", "AVX3_DL", "AVX3_ZEN4", "AVX2", "SSE4", "SSSE3", "SSE2", "SCALAR", "EMU128"}) {
    const compensated_detail::AddUp add_up = compensated_detail::adding_up(set);
    if (!add_up) continue;
    ++sets;
    for (std::size_t n = 0; n <= 32; ++n) {
      double terms[32] = {};
      Enclosure exact(0);
      for (std::size_t i = 0; i < n; ++i) {
        terms[i] = drawn(random, f64());
        exact = exact + Enclosure(terms[i]);
      }
      const compensated_detail::Added a = add_up(terms, n);
      CAPTURE(set, n);
      CHECK_FALSE(Enclosure(0x1p-53 * 40 * a.left).certainly_below(abs(exact - Enclosure(a.sum) - Enclosure(a.rest))));
    }
  }
  CHECK(sets > 0);
  CHECK(compensated_detail::adding_up("none such") == nullptr);
}

}  // namespace
}  // namespace karat
