// SPDX-License-Identifier: MIT
#include "reference/numbers/enclosure.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "reference/numbers/functions.hpp"
#include "reference/numbers/tape.hpp"

using namespace karat;

TEST_CASE("comparisons of overlapping enclosures are undecided, never guessed") {
  const PrecisionScope scope(64);
  const Enclosure third = Enclosure(1) / 3;
  CHECK_THROWS_AS(third * 3 < 1, Undecided);
  CHECK_THROWS_AS(third * 3 >= 1, Undecided);
  CHECK_THROWS_AS(Enclosure(std::nan("")) < 1, Undecided);
  CHECK(third < 1);
  CHECK(Enclosure(2) >= 2);
  CHECK_FALSE(Enclosure(2) > 2);
}

TEST_CASE("max, min and abs enclose without deciding") {
  const PrecisionScope scope(64);
  const Enclosure third = Enclosure(1) / 3;
  const Enclosure m = max(third * 3, Enclosure(1));
  CHECK(m.certainly_below(Enclosure(1.0000001)));
  CHECK(Enclosure(0.9999999).certainly_below(m));
  CHECK(is_exact_zero(max(Enclosure(-3), 0)));
  CHECK(abs(Enclosure(-3)) >= 3);
  CHECK(min(Enclosure(-3), 2) <= -3);
}

TEST_CASE("the loop stops at the precision that decides, and at the cap if none does") {
  int last = 0;
  // e^(2^-300) > 1: needs more than 300 bits.
  const auto answer = decide([&](int bits) -> std::optional<bool> {
    last = bits;
    return exp(ldexp(Enclosure(1), -300)) > 1;
  });
  REQUIRE(answer.has_value());
  CHECK(*answer);
  CHECK(last == 384);
  const auto never = decide([&](int bits) -> std::optional<bool> {
    last = bits;
    return exp(log(Enclosure(3))) > 3;
  });
  CHECK_FALSE(never.has_value());
  CHECK(last == precision_cap);
}

TEST_CASE("exponentials of numbers beyond every double stay narrow") {
  const PrecisionScope scope(128);
  for (const double x : {1e18, 1e30, 1e100, 1e300, 1.7e308}) {
    const Enclosure e = exp(Enclosure(x));
    CHECK(e.is_bounded());
    // log undoes it, to the working precision less the bits of x.
    CHECK(abs(log(e) / Enclosure(x) - 1).certainly_below(ldexp(Enclosure(1), -100)));
    CHECK(abs(e * exp(Enclosure(-x)) - 1).certainly_below(ldexp(Enclosure(1), -100)));
    CHECK(abs(exp(Enclosure(x) + 1) / e - exp(Enclosure(1))).certainly_below(Enclosure(1e-9)) == (x <= 1e30));
  }
  CHECK(is_exact_zero(exp(Enclosure(-INFINITY))));
}

TEST_CASE("decimal digits are certain or absent") {
  const auto digits = [](int bits, int n) {
    const PrecisionScope scope(bits);
    return (1 / (1 + exp(Enclosure(16)))).decimal(n);
  };
  CHECK_FALSE(digits(64, 60).has_value());
  // echo 'scale=90; 1/(1+e(16))' | bc -l
  CHECK(digits(400, 60).value_or("undecided") ==
        "1.12535162055094990583521815803322969055936561436284879079313e-7");
}

TEST_CASE("hexadecimal text is cut and says so") {
  const PrecisionScope scope(200);
  CHECK(Enclosure(-0.75).hexadecimal(15) == "-0x1.8p-1");
  CHECK((Enclosure(1) / 3).hexadecimal(6) == "0x1.555555…p-2");
  CHECK(Enclosure(0).hexadecimal(6) == "0x0p+0");
  CHECK(ldexp(Enclosure(1), 3).hexadecimal(6) == "0x1p+3");
  // ⌊1e30 / log 2⌋, 1e30 as a double has it: echo 'scale=40; 1000000000000000019884624838656/l(2)' | bc -l
  CHECK_THAT(exp(Enclosure(1e30)).hexadecimal(3), Catch::EndsWith("p+1442695040888963436047374325668"));
}

TEST_CASE("dual numbers give the derivative of what was written") {
  const PrecisionScope scope(200);
  const auto f = [](const auto& x) { return 1 / (1 + exp(-x)); };
  const Dual<Real> y = f(Dual<Real>(Real(2), Real(1)));
  const Real s = y.value;
  CHECK(abs(Real(y.derivative - s * (1 - s))) < Real("1e-55"));
  const Dual<Real> kink = max(Dual<Real>(Real(0), Real(1)), 0);
  CHECK(kink.derivative == 0);
  CHECK(min(Dual<Real>(Real(0), Real(1)), 0).derivative == 1);
  const Dual<Real> root = sqrt(Dual<Real>(Real(4), Real(1)));
  CHECK(root.derivative == Real(1) / 4);
}

TEST_CASE("the tape gives the same derivative as dual numbers") {
  const PrecisionScope scope(200);
  const std::vector<Real> at{Real(1), Real(-2), Real("0.5")};
  const auto f = [](const auto& x) { return log(1 + exp(x[0] * x[1])) / x[2] - sqrt(x[2]) * x[0]; };
  Tape<Real> tape;
  const auto x = tape.inputs(at);
  const std::vector<Taped<Real>> y{f(x)};
  const std::vector<Real> one{Real(1)};
  const auto gradient = tape.gradient(x, y, one);
  for (std::size_t i = 0; i < at.size(); ++i) {
    std::vector<Dual<Real>> d;
    for (std::size_t j = 0; j < at.size(); ++j) d.emplace_back(at[j], Real(i == j ? 1 : 0));
    CHECK(abs(Real(f(d).derivative - gradient[i])) < Real("1e-55"));
  }
}
