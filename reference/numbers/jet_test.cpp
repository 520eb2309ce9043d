// SPDX-License-Identifier: MIT
#include "reference/numbers/jet.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <vector>

#include "reference/numbers/hull.hpp"

using namespace karat;

namespace {

using J = Jet<double, 8>;

double factorial(int k) { return k < 2 ? 1 : k * factorial(k - 1); }

template <class T, std::size_t N>
Jet<T, N> polynomial(const Jet<T, N>& x) {
  return 2 - 3 * x + x * x * x / 4;
}

// f(c + d) by the series against f itself, at the size that the cut-off leaves.
template <class F>
void follows(const F& f, double center) {
  using std::abs;
  const J y = f(J::variable(center));
  for (const double d : {0x1p-5, -0x1p-6}) {
    double sum = 0;
    for (int k = 7; k >= 0; --k) sum = sum * d + y[static_cast<std::size_t>(k)];
    const double exact = f(J(center + d))[0];
    CHECK(std::abs(sum - exact) <= 1e-9 * std::max(1.0, std::abs(exact)));
  }
}

}  // namespace

TEST_CASE("coefficients of known series") {
  const J e = exp(J::variable(0.0)), l = log1p(J::variable(0.0)), r = 1 / (1 - J::variable(0.0));
  for (int k = 0; k < 8; ++k) {
    const auto i = static_cast<std::size_t>(k);
    CHECK(e[i] == Approx(1 / factorial(k)));
    CHECK(l[i] == Approx(k == 0 ? 0.0 : (k % 2 ? 1.0 : -1.0) / k));
    CHECK(r[i] == Approx(1.0));
  }
  const J p = polynomial(J::variable(2.0));
  CHECK(p[0] == -2);
  CHECK(p[1] == 0);
  CHECK(p[2] == 1.5);
  CHECK(p[3] == 0.25);
  CHECK(p[4] == 0);
}

TEST_CASE("a series follows its function") {
  for (const double c : {0.3, 1.0, 2.5}) {
    follows([](const J& x) { return exp(-x) / (1 + exp(x)); }, c);
    follows([](const J& x) { return log(x) * sqrt(x); }, c);
    follows([](const J& x) { return expm1(x) - log1p(x * x); }, c);
    follows([](const J& x) { return max(x, J(0)) + min(-x, J(1)) * abs(x - 7); }, c);
    follows([](const J& x) { return polynomial(x) / sqrt(2 + x); }, c);
  }
}

TEST_CASE("functions at a kink, and comparisons there, are undecided") {
  const PrecisionScope scope(96);
  using S = Jet<Enclosure, 8>;
  const S x = S::variable(Enclosure(0));
  CHECK_THROWS_AS(abs(x), Undecided);
  CHECK_THROWS_AS(max(x, S(0)), Undecided);
  CHECK_THROWS_AS(min(S(0), x), Undecided);
  CHECK(is_exact_zero(abs(S(0))));
  CHECK(max(S(2), S(2))[0] >= 2);
  const S over = S::variable(hull(Enclosure(-1), Enclosure(1)));
  CHECK_THROWS_AS(over > 0, Undecided);
  CHECK(over < 2);
}

TEST_CASE("coefficients over a ball hold those at each of its points") {
  const PrecisionScope scope(96);
  using S = Jet<Enclosure, 8>;
  const auto f = [](const S& x) { return log1p(exp(-x)) / (1 + x * x) + sqrt(x); };
  const Enclosure low(1.25), high(1.5);
  const S over = f(S::variable(hull(low, high)));
  for (const double c : {1.25, 1.3, 1.4375, 1.5}) {
    const S at = f(S::variable(Enclosure(c)));
    for (std::size_t k = 0; k < 8; ++k) {
      CHECK(lower_double(over[k]) <= lower_double(at[k]));
      CHECK(upper_double(at[k]) <= upper_double(over[k]));
    }
  }
}

TEST_CASE("the parts of an enclosure hold it") {
  for (const int bits : {30, 64, 128, 300}) {
    const PrecisionScope scope(bits);
    for (const Enclosure& x : {Enclosure(1) / 3, exp(Enclosure(-700)), -log(Enclosure(7)), Enclosure(0x1p-1074) / 3, Enclosure(5), exp(Enclosure(20)) + ldexp(Enclosure(1), -200)}) {
      const Parts p = parts(x);
      const PrecisionScope wide(2400);
      const Enclosure middle = Enclosure(p.high) + Enclosure(p.low), radius(p.radius);
      CHECK((middle - radius).certainly_at_most(x.lower_end()));
      CHECK(x.upper_end().certainly_at_most(middle + radius));
      CHECK(p.radius <= std::abs(p.high) * std::ldexp(1.0, 3 - std::min(bits, 100)) + 0x1p-999);  // no radius is smaller
    }
  }
  CHECK_FALSE(std::isfinite(parts(exp(Enclosure(1000))).high));
}

TEST_CASE("a hull holds both ends and little more") {
  const PrecisionScope scope(64);
  const Enclosure h = hull(Enclosure(-0x1p-3), Enclosure(0x1.8p+1));
  CHECK(lower_double(h) <= -0x1p-3);
  CHECK(upper_double(h) >= 0x1.8p+1);
  CHECK(upper_double(h) < 3.001);
  CHECK(upper_double(Enclosure(1) / 3) > lower_double(Enclosure(1) / 3));
  CHECK(std::isinf(upper_double(log(Enclosure(0)))));
  CHECK(std::isinf(lower_double(log(Enclosure(-1)))));
}
