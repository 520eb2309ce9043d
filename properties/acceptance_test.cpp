// SPDX-License-Identifier: MIT
#include "properties/acceptance.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace karat;
using namespace karat::properties;

namespace {

const Level exact{Level::Rule::exact, 0}, faithful{Level::Rule::faithful, 0};
Level max_ulp(double n) { return {Level::Rule::max_ulp, n}; }

bool accepts(const Level& level, const Format& f, Bits got, const Enclosure& y) {
  const PrecisionScope scope(200);
  const auto j = judge(level, f, got, {y, {}, {}}, false);
  REQUIRE(j.has_value());
  return j->ok;
}

}  // namespace

TEST_CASE("exact accepts the rounding and nothing else, faithful both neighbours and nothing else") {
  std::mt19937_64 random(3);
  for (const Format& f : formats()) {
    for (int i = 0; i < 2000; ++i) {
      // A real with 64 bits anywhere in the format's range, a little beyond included.
      Truncated t;
      t.negative = (random() & 1) != 0;
      t.significand = random() | (std::uint64_t{1} << 63);
      if (random() % 3 == 0) t.significand &= ~((std::uint64_t{1} << (63 - f.precision)) - 1);  // values and ties
      t.exponent = f.quantum() - 64 + static_cast<int>(random() % static_cast<std::uint64_t>(f.e_max - f.quantum() + 3));
      const PrecisionScope scope(200);
      Enclosure y = ldexp(Enclosure(static_cast<double>(t.significand >> 32)), 32) + Enclosure(static_cast<double>(t.significand & 0xffffffffu));
      y = ldexp(t.negative ? -y : y, static_cast<long>(t.exponent));
      const Bits nearest = round_nearest(f, t), down = round_down(f, t), up = round_up(f, t);
      for (const Bits got : {nearest, down, up}) {
        INFO(f.name << " got " << to_text(f, got));
        CHECK(accepts(exact, f, got, y) == (ordinal(f, got) == ordinal(f, nearest)));
        CHECK(accepts(faithful, f, got, y));
      }
      for (const std::int64_t step : {-1, 1}) {
        const std::int64_t beyond = step < 0 ? std::min(ordinal(f, down), ordinal(f, up)) - 1 : std::max(ordinal(f, down), ordinal(f, up)) + 1;
        if (std::abs(beyond) > ordinal(f, f.infinity())) continue;
        CHECK_FALSE(accepts(faithful, f, from_ordinal(f, beyond), y));
        CHECK_FALSE(accepts(exact, f, from_ordinal(f, beyond), y));
      }
    }
  }
}

TEST_CASE("just below a power of two the units are those of the exact value") {
  const Format& f = format(Dtype::f32);
  const PrecisionScope scope(100);
  const Enclosure y = 1 - ldexp(Enclosure(1), -25);  // half a step of the lower binade below 1
  CHECK(accepts(exact, f, *exact_bits(f, 1), y));    // a tie, and 1 is even
  CHECK(accepts(faithful, f, *exact_bits(f, 1 - 0x1p-24), y));
  CHECK_FALSE(accepts(faithful, f, *exact_bits(f, 1 + 0x1p-23), y));
  const auto j = judge(max_ulp(3), f, *exact_bits(f, 1 + 0x1p-23), {y, {}, {}}, false);
  REQUIRE(j);
  CHECK(j->ulps == Approx(2.5));  // in ulps of y, 2^-24
  CHECK(j->ok);
  CHECK_FALSE(accepts(max_ulp(2), f, *exact_bits(f, 1 + 0x1p-23), y));
}

TEST_CASE("every bound of max-ulp can fail: 0.95 of it passes and 1.05 fails") {
  for (const Format& f : formats()) {
    for (const double ulps : {0.5, 1.0, 4.0, 100.0}) {
      const PrecisionScope scope(200);
      const Enclosure got(f, *exact_bits(f, 1.5));
      const Enclosure ulp = ldexp(Enclosure(1), -f.fraction_bits());
      if (f.precision < 10 && ulps > 4) continue;  // would leave the binade
      CHECK(accepts(max_ulp(ulps), f, *exact_bits(f, 1.5), got + Enclosure(0.95 * ulps) * ulp));
      CHECK_FALSE(accepts(max_ulp(ulps), f, *exact_bits(f, 1.5), got + Enclosure(1.05 * ulps) * ulp));
      CHECK(accepts(max_ulp(ulps), f, *exact_bits(f, 1.5), got - Enclosure(0.95 * ulps) * ulp));
      CHECK_FALSE(accepts(max_ulp(ulps), f, *exact_bits(f, 1.5), got - Enclosure(1.05 * ulps) * ulp));
    }
  }
}

TEST_CASE("a wrong result waits for the precision that shows how wrong it is") {
  const Format& f = format(Dtype::f32);
  const auto at = [&](int bits) {
    const PrecisionScope scope(bits);
    return judge(max_ulp(4), f, *exact_bits(f, 0x1p-17), {log(1 + exp(Enclosure(-71))), {}, {}}, false);  // 1.5e-31
  };
  CHECK_FALSE(at(96).has_value());
  REQUIRE(at(384).has_value());
  CHECK_FALSE(at(384)->ok);
  CHECK(at(384)->ulps > 1e32);
}

TEST_CASE("NaN never conforms to a number, at any level") {
  for (const Format& f : formats())
    for (const Level& level : {exact, faithful, max_ulp(1e18)}) {
      const PrecisionScope scope(100);
      const auto j = judge(level, f, f.quiet_nan(), {Enclosure(1), {}, {}}, false);
      REQUIRE(j);
      CHECK_FALSE(j->ok);
      CHECK(j->kind == Kind::special_value);
    }
}

TEST_CASE("infinity conforms where the exact value overflows and nowhere else") {
  for (const Format& f : formats()) {
    const PrecisionScope scope(200);
    const Enclosure huge = ldexp(Enclosure(1), f.e_max + 40), largest(f, f.max_finite());
    for (const Level& level : {exact, faithful, max_ulp(4)}) CHECK(accepts(level, f, f.infinity(), huge));
    CHECK_FALSE(accepts(exact, f, f.max_finite(), huge));
    CHECK(accepts(faithful, f, f.max_finite(), huge));
    CHECK_FALSE(accepts(faithful, f, f.infinity(), largest));
    const auto j = judge(faithful, f, f.infinity(), {Enclosure(1), {}, {}}, false);
    REQUIRE(j);
    CHECK_FALSE(j->ok);
    CHECK(j->kind == Kind::special_value);
    CHECK_FALSE(accepts(faithful, f, f.infinity() | f.sign_mask(), huge));
  }
}

TEST_CASE("strict bounds decide what no precision shows") {
  const Format& f = format(Dtype::f32);
  const PrecisionScope scope(96);
  // 1 − 2^-4000, as an enclosure at 96 bits that touches 1.
  const Enclosure near_one = 1 - ldexp(Enclosure(1), -4000);
  const Answer loose{near_one, {}, {}}, strict{near_one, Enclosure(0), Enclosure(1)};
  const Bits below = *exact_bits(f, 1 - 0x1p-24);
  CHECK_FALSE(judge(faithful, f, below, loose, false).has_value());
  REQUIRE(judge(faithful, f, below, strict, false).has_value());
  CHECK(judge(faithful, f, below, strict, false)->ok);
  const auto last = judge(faithful, f, below, loose, true);
  REQUIRE(last);
  CHECK(last->ok);
  CHECK(last->undecided);
}

TEST_CASE("a zero's sign is counted where the formula gives it, and demanded where the row does") {
  const Format& f = format(Dtype::f32);
  const PrecisionScope scope(200);
  const Enclosure tiny = ldexp(Enclosure(1), -400);
  const auto counted = judge(faithful, f, f.sign_mask(), {tiny, {}, {}}, false);
  REQUIRE(counted);
  CHECK(counted->ok);
  CHECK(counted->other_zero);
  CHECK(counted->policy == nullptr);
  const auto strict = judge(exact, f, f.sign_mask(), {tiny, {}, {}}, false);
  REQUIRE(strict);
  CHECK_FALSE(strict->ok);
  CHECK(judge_special(f, 0, {{.value = -0.0}}).ok == false);
  CHECK(judge_special(f, f.sign_mask(), {{.value = -0.0}}).ok);
}

TEST_CASE("special results: alternatives, policies, NaN payloads, neighbours of what the format lacks") {
  const Format& f = format(Dtype::f32);
  CHECK(judge_special(f, 0x7f800001, {{.value = std::nan("")}}).ok);
  CHECK_FALSE(judge_special(f, f.infinity(), {{.value = std::nan("")}}).ok);
  const Specials mask{{.value = std::nan("")}, {.value = 2, .policy = "mask"}};
  CHECK(judge_special(f, *exact_bits(f, 2), mask).policy == std::string("mask"));
  CHECK_FALSE(judge_special(f, *exact_bits(f, 3), mask).ok);
  const Specials tenth{{.value = 0.1}};
  CHECK(judge_special(f, 0x3dcccccd, tenth).ok);
  CHECK(judge_special(f, 0x3dcccccc, tenth).ok);
  CHECK_FALSE(judge_special(f, 0x3dccccce, tenth).ok);
}

TEST_CASE("a unit whose question is never decided is an error, not a pass") {
  // Two equal sums compared: no precision tells.
  static const Operator undecidable = [] {
    Operator op;
    op.name = "undecidable";
    op.inputs = {{.name = "x"}};
    op.outputs = {"y"};
    op.enclose = [](const Tensors<Enclosure>& x, const Attributes&) {
      if (exp(log(x[0].values[0] + 3)) > x[0].values[0] + 3) return x;
      return x;
    };
    op.specials = [](const Tensors<double>& x, const Attributes&) { return std::vector<Specials>(x[0].values.size()); };
    return op;
  }();
  const Format& f = format(Dtype::f32);
  const Unit unit{{&undecidable, &f, {Tensor<Bits>(Shape{1}, {*exact_bits(f, 1)})}, {}}, {0}};
  const Bits got[] = {*exact_bits(f, 1)};
  const auto result = judge_unit(unit, got, faithful);
  CHECK(result[0].error);
  CHECK_FALSE(result[0].ok);
}
