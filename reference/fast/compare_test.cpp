// SPDX-License-Identifier: MIT
#include "reference/fast/compare.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <random>

#include "reference/numbers/hull.hpp"

using namespace karat;
using namespace karat::fast;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

Line line_of(const char* name, const Format& f) {
  const Operator& op = *find_operator(name);
  return {op, standard_attributes(op), f, op.inputs.size() - 1, std::vector<double>(op.inputs.size(), 1.0)};
}

// Correctly rounded, if anybody can tell: no precision shows that e^(−2^77) is more than 0, but the row says so.
std::optional<Bits> nearest(const Operator& op, const Format& f, double x) {
  return decide([&](int) -> std::optional<Bits> {
    Tensors<Enclosure> inputs;
    for (std::size_t t = 0; t < op.inputs.size(); ++t) inputs.emplace_back(Shape{1}, std::vector<Enclosure>{Enclosure(t + 1 == op.inputs.size() ? x : 1.0)});
    const Enclosure y = op.enclose(inputs, standard_attributes(op))[0].values[0];
    if (!y.is_bounded()) return std::nullopt;
    Enclosure low = y.lower_end(), high = y.upper_end();
    const Bounds strict = op.bounds ? op.bounds(inputs, standard_attributes(op))[0] : Bounds();
    if (strict.above && low.certainly_below(*strict.above)) low = *strict.above;
    if (strict.below && strict.below->certainly_below(high)) high = *strict.below;
    const auto a = round_nearest(f, low), b = round_nearest(f, high);
    return a && b && *a == *b ? a : std::nullopt;
  });
}

struct Results {
  std::vector<float> inputs, got;
  std::vector<double> ulps;
  Comparison comparison;
};

// Results that `result` makes of the correctly rounded ones, from `from` on.
template <class F>
Results results(const Operator& op, const Format& f, const Segment& s, bool negative, Bits from, std::size_t count, const std::string& set, const F& result) {
  Results r;
  r.inputs.resize(count + padding);
  r.got.resize(count + padding);
  r.ulps.resize(count + padding);
  for (std::size_t i = 0; i < count; ++i) {
    const double x = to_double(f, (from + i) | (negative ? f.sign_mask() : 0));
    r.inputs[i] = static_cast<float>(x);
    r.got[i] = static_cast<float>(result(i, nearest(op, f, x).value()));
  }
  // What lies behind the end must not count.
  for (std::size_t i = count; i < count + padding; ++i) r.got[i] = std::numeric_limits<float>::quiet_NaN();
  comparing(set)(Scale(f), {.segment = &s, .inputs = r.inputs.data(), .got = r.got.data(), .count = count}, r.ulps.data(), r.comparison);
  return r;
}

}  // namespace

TEST_CASE("every instruction set of this build is offered, and no other") {
  const std::vector<std::string> sets = instruction_sets();
  REQUIRE(!sets.empty());
  for (const std::string& set : sets) CHECK(comparing(set) != nullptr);
  CHECK(comparing() == comparing(sets.front()));
  CHECK(comparing("AVX1024") == nullptr);
}

TEST_CASE("correctly rounded results count as such, neighbours as what they are off") {
  std::mt19937_64 random(3);
  for (const char* name : {"sigmoid", "tanh", "softplus", "exp", "log1p", "sqrt", "leaky_relu", "sigmoid_backward", "tanh_backward"})
    for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
      const Format& f = format(dtype);
      const Operator& op = *find_operator(name);
      Line line = line_of(name, f);
      for (int window = 0; window < 6; ++window) {
        const Bits from = 1 + random() % (f.max_finite() - 200);
        const bool negative = window % 2 != 0 && op.name != "sqrt";
        for (const Segment& s : line.segments(negative, from, from + 40)) {
          if (s.kind == Segment::Kind::special) continue;
          const std::size_t count = s.to - s.from + 1;
          for (const std::string& set : instruction_sets()) {
            INFO(name << " " << f.name << " " << set << " from " << to_text(f, s.from | (negative ? f.sign_mask() : 0)));
            const Results right = results(op, f, s, negative, s.from, count, set, [&](std::size_t, Bits b) { return to_double(f, b); });
            // What is not decided may be right as well.
            CHECK(right.comparison.rounded + right.comparison.open == count);
            CHECK(right.comparison.above_one == 0);
            for (std::size_t i = 0; i < count; ++i) CHECK((std::isnan(right.ulps[i]) || std::abs(right.ulps[i]) < 0.5));
            // Three places away is between 2.5 ulp and, below a power of two, 7 ulp.
            const auto shifted = [&](std::size_t i, Bits b) {
              const std::int64_t n = ordinal(f, b), top = ordinal(f, f.max_finite());
              return to_double(f, from_ordinal(f, i % 2 ? std::max(n - 3, -top) : std::min(n + 3, n > top ? n : top)));
            };
            const Results off = results(op, f, s, negative, s.from, count, set, shifted);
            for (std::size_t i = 0; i < count; ++i) {
              const Bits b = nearest(op, f, static_cast<double>(off.inputs[i])).value();
              if (to_double(f, b) == static_cast<double>(off.got[i]) || std::isnan(off.ulps[i])) continue;
              if (std::abs(ordinal(f, b)) > ordinal(f, f.max_finite()) - 3) continue;
              CHECK(std::abs(off.ulps[i]) >= 1.24);
              CHECK(std::abs(off.ulps[i]) <= 7.01);
            }
          }
        }
      }
    }
}

TEST_CASE("NaN and infinities where numbers are right stay open, an overflow that is right does not") {
  const Format& f = format(Dtype::f32);
  const Operator& exp = *find_operator("exp");
  Line line = line_of("exp", f);
  for (const std::string& set : instruction_sets()) {
    const Bits one = *exact_bits(f, 1);
    const Segment near = line.segments(false, one, one + 30)[0];
    const double wrong[] = {std::nan(""), inf, -inf, 0x1p127, 1};
    const Results r = results(exp, f, near, false, near.from, 5, set, [&](std::size_t i, Bits) { return wrong[i]; });
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::isnan(r.ulps[i]));
    CHECK(r.ulps[3] > 1e30);
    CHECK(r.comparison.open == 3);
    CHECK(r.comparison.rounded == 0);
    CHECK(r.comparison.above_one == 2);

    for (const double x : {90.0, 1000.0}) {  // a polynomial there, and beyond
      const Bits b = *exact_bits(f, x);
      const Segment far = line.segments(false, b, b + 5)[0];
      const double got[] = {inf, 0x1.fffffep127, -inf, std::nan("")};
      const Results o = results(exp, f, far, false, far.from, 4, set, [&](std::size_t i, Bits) { return got[i]; });
      CHECK(o.ulps[0] == 0);
      for (std::size_t i = 1; i < 4; ++i) CHECK(std::isnan(o.ulps[i]));
      CHECK(o.comparison.rounded == 1);
    }
  }
}

TEST_CASE("subnormal results are told apart, and zeros of the other sign counted") {
  const Format& f = format(Dtype::f32);
  const Operator& exp = *find_operator("exp");
  Line line = line_of("exp", f);
  for (const std::string& set : instruction_sets()) {
    const Bits b = magnitude(f, *exact_bits(f, -100));
    const Segment s = line.segments(true, b, b + 20)[0];
    const Results r = results(exp, f, s, true, s.from, 9, set, [&](std::size_t, Bits right) { return to_double(f, right + 2); });
    for (std::size_t i = 0; i < 9; ++i) CHECK((r.ulps[i] < -1.4 && r.ulps[i] > -2.6));
    CHECK(r.comparison.worst_normal == -1);
    CHECK(r.comparison.worst_subnormal > 1.4);

    const Bits far = magnitude(f, *exact_bits(f, -200));
    const Segment tail = line.segments(true, far, far + 20)[0];
    const Results z = results(exp, f, tail, true, tail.from, 7, set, [&](std::size_t i, Bits) { return i < 3 ? -0.0 : 0.0; });
    CHECK(z.comparison.rounded == 7);
    CHECK(z.comparison.other_zero == 3);
  }
}

TEST_CASE("consecutive bit patterns are the inputs that they stand for") {
  const Format& f = format(Dtype::f32);
  Line line = line_of("sigmoid", f);
  const Operator& op = *find_operator("sigmoid");
  for (const std::string& set : instruction_sets())
    for (const bool negative : {false, true}) {
      const Bits b = *exact_bits(f, 3);
      const Segment s = line.segments(negative, b, b + 2000)[0];
      const std::size_t count = std::min<std::size_t>(77, s.to - s.from + 1);
      Results r = results(op, f, s, negative, s.from, count, set, [&](std::size_t, Bits right) { return to_double(f, right + 1); });
      const std::vector<double> by_inputs = r.ulps;
      Comparison again;
      const auto first = static_cast<std::uint32_t>(s.from | (negative ? f.sign_mask() : 0));
      comparing(set)(Scale(f), {.segment = &s, .first = first, .got = r.got.data(), .count = count}, r.ulps.data(), again);
      for (std::size_t i = 0; i < count; ++i) CHECK(r.ulps[i] == by_inputs[i]);
      CHECK(again.rounded == r.comparison.rounded);
    }
}

TEST_CASE("numbers of 16 bits are widened to what they are") {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const Format& f = format(dtype);
    std::vector<std::uint16_t> all(65536 + 5);
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
    std::vector<float> wide(all.size() + padding);
    widen(f, all.data(), all.size(), wide.data());
    std::size_t right = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double exact = to_double(f, all[i]);
      right += std::isnan(exact) ? std::isnan(wide[i]) : exact == static_cast<double>(wide[i]);
    }
    CHECK(right == all.size());
  }
}
