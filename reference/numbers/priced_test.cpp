// SPDX-License-Identifier: MIT
#include "reference/numbers/priced.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "reference/numbers/functions.hpp"

namespace karat {
namespace {

const Format& f32() { return format(Dtype::f32); }
const long double u = 0x1p-24L;

double budget_in_u(const Priced& y) { return static_cast<double>(y.tape->budget(y) / u); }

}  // namespace

TEST_CASE("the last rounding is free where results are stored as they are computed, and charged otherwise") {
  for (const bool stored : {true, false}) {
    PriceTape tape(f32(), stored);
    const Priced x = tape.input(3), y = tape.input(5);
    const double once = stored ? 0 : 1;
    CHECK(budget_in_u(x * y) == Approx(once * 15));
    CHECK(budget_in_u(x + y) == Approx(once * 8));
    CHECK(budget_in_u(x / y) == Approx(once * 0.6));
    CHECK(budget_in_u(sqrt(x)) == Approx(once * std::sqrt(3)));
    CHECK(budget_in_u(exp(x)) == Approx((stored ? 1 : 2) * std::exp(3)));  // 1 ulp: 2u, of which u is the last rounding
  }
}

TEST_CASE("what the reader rounds is what the last node costs less than others") {
  for (const bool stored : {true, false}) {
    PriceTape tape(f32(), stored);
    const Priced x = tape.input(3);
    const auto left = [&](const Priced& y) { return static_cast<double>(tape.last_rounding(y) / u); };
    const double once = stored ? 1 : 0;
    CHECK(left(x * x) == Approx(once * 9));
    CHECK(left(exp(x)) == Approx(once * std::exp(3)));
    CHECK(left(-4 * (x * x)) == Approx(once * 36));
    CHECK(left(x) == 0);
  }
}

TEST_CASE("inner roundings are carried by the derivative of what follows") {
  PriceTape tape(f32(), true);
  const Priced x = tape.input(3), y = tape.input(5);
  CHECK(budget_in_u((x + y) * y) == Approx(8 * 5));
  CHECK(budget_in_u(1 / (x * y)) == Approx(1.0 / 15));
  CHECK(budget_in_u(log(x * y)) == Approx(1 + std::log(15)));
  const Priced s = x * y;
  CHECK(budget_in_u(s * s) == Approx(2 * 15 * 15));  // both ways at once
  CHECK(budget_in_u(s - s) == 0);                    // and against each other
}

TEST_CASE("what moves data or scales by powers of two costs nothing") {
  PriceTape tape(f32(), false);
  const Priced x = tape.input(3), y = tape.input(5);
  for (const Priced& v : {-x, abs(-x), max(x, y), min(x, y), x * Priced(2), x / Priced(8), Priced(0.25) * x, x + Priced(0), Priced(1) * x})
    CHECK(budget_in_u(v) == 0);
  CHECK(budget_in_u(-(x * y)) == Approx(15));
  CHECK(budget_in_u(x * y * Priced(4)) == Approx(60));
  CHECK(budget_in_u(x * Priced(3)) == Approx(9));  // three is no power of two
}

TEST_CASE("a sum is one node whatever its order, sequential up to 128 terms and a tree beyond") {
  for (const int n : {2, 3, 100, 128, 129, 256, 257, 1024, 4096}) {
    PriceTape tape(f32(), false), sequential(f32(), false, {.sequential_sums = true});
    std::vector<Priced> terms, same;
    for (int i = 0; i < n; ++i) {
      terms.push_back(tape.input(i % 2 == 0 ? 1 : -1));  // cancels: the cost does not
      same.push_back(sequential.input(i % 2 == 0 ? 1 : -1));
    }
    const double h = n <= 128 ? n - 1 : 127 + std::ceil(std::log2(n / 128.0));
    CHECK(budget_in_u(sum(terms)) == Approx(h * n));
    CHECK(budget_in_u(sum(same)) == Approx((n - 1.0) * n));
    CHECK(tape.size() == 1);
  }
  PriceTape tape(f32(), true);
  const Priced x = tape.input(3), y = tape.input(5);
  CHECK(budget_in_u(sum(std::vector{x, y})) == 0);  // one rounding, the last
  CHECK(budget_in_u(sum(std::vector{x, Priced(0)})) == 0);
}

TEST_CASE("among subnormals sums are exact, and products cost half a quantum for each of two orders") {
  PriceTape tape(f32(), false);
  const Priced tiny = tape.input(0x1p-140), other = tape.input(0x1p-141);
  CHECK(tape.budget(tiny + other) == 0);
  CHECK(tape.budget(sum(std::vector{tiny, other})) == 0);
  CHECK(tape.budget(tiny * Priced(3)) == 2 * 0x1p-150L);
  CHECK(tape.budget(exp(tape.input(-200))) == 2 * 0x1p-150L);
  CHECK(tape.budget(sqrt(tape.input(0) * tape.input(3))) <= 0x1p-74L);  // the root of a quantum
}

TEST_CASE("a scalar made of attributes is one rounding, however it was made; representable ones are none") {
  PriceTape tape(f32(), true);
  const Priced x = tape.input(3);
  const Priced third = Priced(1) / Priced(3);
  CHECK(budget_in_u(x * third) == Approx(1));
  CHECK(budget_in_u(x * (Priced(1) - Priced(0.75))) == 0);
  PriceTape wide(format(Dtype::f64), true);
  CHECK(static_cast<double>(wide.budget(wide.input(3) * third) * 0x1p53L) == Approx(1));
}

TEST_CASE("overflow inside is seen, overflow of the result alone is not") {
  PriceTape tape(f32(), true);
  const Priced x = tape.input(1e30), huge = x * x;
  CHECK_FALSE(huge.beyond);
  CHECK((huge / x).beyond);
  CHECK((huge * Priced(0.5) + x).beyond);
  CHECK((x * Priced(0x1p60) - x).beyond);
  CHECK_FALSE((x + x).beyond);
  CHECK_FALSE(max(tape.input(HUGE_VAL), x).beyond);
}

TEST_CASE("a moved trace shows what the first derivative at a symmetric point hides") {
  // The variance of a constant row: its derivative by the mean is 0, yet an error of the mean shows.
  const auto variance = [](PriceTape& tape) {
    std::vector<Priced> x(7, tape.input(0.1f)), squares;
    const Priced mean = sum(x) / Priced(7);
    for (const Priced& v : x) squares.push_back((v - mean) * (v - mean));
    return tape.budget(sum(squares) / Priced(7));
  };
  PriceTape still(f32(), true), moved(f32(), true, {}, 1);
  CHECK(variance(still) < 1e-30L);
  CHECK(variance(moved) > 1e-18L);
}

TEST_CASE("what right float arithmetic is off by stays within the budget: sums and products in random orders") {
  std::mt19937_64 random(5);
  const auto draw = [&] { return std::ldexp(static_cast<float>(static_cast<int>(random() % 2000001) - 1000000), static_cast<int>(random() % 12) - 26); };
  int close = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    const std::size_t n = 2 + random() % 60;
    PriceTape tape(f32(), true);
    std::vector<Priced> terms;
    std::vector<float> products;
    long double exact = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float a = draw(), b = draw();
      terms.push_back(tape.input(static_cast<double>(a)) * tape.input(static_cast<double>(b)));
      products.push_back(a * b);
      exact += static_cast<long double>(a) * static_cast<long double>(b);
    }
    while (products.size() > 1) {  // any two at a time
      std::swap(products[random() % products.size()], products.back());
      const float last = products.back();
      products.pop_back();
      products[random() % products.size()] += last;
    }
    const long double budget = tape.budget(sum(terms)), error = std::abs(static_cast<long double>(products[0]) - exact);
    const long double rounding = u * std::max(std::abs(exact), 0x1p-126L) * 2;  // the last one
    REQUIRE(error <= budget + rounding);
    close += error > budget / 50 ? 1 : 0;
  }
  CHECK(close > 100);  // and the budget is no empty promise
}

TEST_CASE("what overflows on the way is lost, even if a power of two scales it back") {
  PriceTape tape(format(Dtype::f32), true);
  const Priced large = tape.input(0x1p+127), ones = tape.input(3);
  CHECK(sum(std::vector<Priced>{large, large, -large}).beyond);
  CHECK_FALSE(sum(std::vector<Priced>{large, ones, ones}).beyond);
  CHECK_FALSE(sum(std::vector<Priced>{large, large, large}).beyond);  // infinite in every order
  CHECK((Priced(0.25) * (large * ones)).beyond);
  CHECK((Priced(0.125) * (Priced(4.0) * large)).beyond);
  CHECK((large / Priced(0.125) * Priced(0.125)).beyond);
  CHECK_FALSE((Priced(0.5) * large).beyond);
  CHECK_FALSE((-(large * ones)).beyond);  // the last node: rounding to infinity is the reader's
  CHECK_FALSE((Priced(0.5) * tape.input(std::numeric_limits<double>::infinity())).beyond);
}

}  // namespace karat
