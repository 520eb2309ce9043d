// SPDX-License-Identifier: MIT
#include "reference/fast/line.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <random>

#include "reference/numbers/hull.hpp"

using namespace karat;
using fast::Line;
using fast::Segment;

namespace {

const Operator& op_named(const char* name) { return *find_operator(name); }

double horner(const Segment& s, double d, bool fused) {
  double sum = s.c[fast::degree];
  for (int k = fast::degree - 1; k >= 0; --k) {
    const double c = s.c[static_cast<std::size_t>(k)];
    sum = fused ? std::fma(sum, d, c) : sum * d + c;
  }
  return sum;
}

Enclosure exact(const Operator& op, const std::vector<double>& at, std::size_t variable, double x) {
  Tensors<Enclosure> inputs;
  for (std::size_t t = 0; t < at.size(); ++t) inputs.emplace_back(Shape{1}, std::vector<Enclosure>{Enclosure(t == variable ? x : at[t])});
  return op.enclose(inputs, standard_attributes(op))[0].values[0];
}

// Says what a segment says of x, against an enclosure of 256 bits.
void holds(const Operator& op, const Format& f, const std::vector<double>& at, std::size_t variable, const Segment& segment, Bits input) {
  const double x = to_double(f, input);
  INFO(op.name << " input " << variable << " " << f.name << " x=" << to_text(f, input) << " segment " << segment.from << "…" << segment.to);
  Tensors<double> doubles;
  for (std::size_t t = 0; t < at.size(); ++t) doubles.emplace_back(Shape{1}, std::vector<double>{t == variable ? x : at[t]});
  const Specials special = op.specials(doubles, standard_attributes(op))[0];
  if (!special.empty()) {
    CHECK((segment.kind == Segment::Kind::special || segment.kind == Segment::Kind::specials));
    return;
  }
  REQUIRE(segment.kind != Segment::Kind::special);
  REQUIRE(segment.kind != Segment::Kind::specials);
  REQUIRE(segment.kind != Segment::Kind::undecided);
  const auto decided = decide([&](int bits) -> std::optional<bool> {
    if (bits < 192) return std::nullopt;
    const Enclosure y = exact(op, at, variable, x);
    if (!y.is_bounded()) return std::nullopt;
    if (segment.kind == Segment::Kind::beyond) return std::abs(lower_double(y)) >= 0x1p1000 && (lower_double(y) > 0) == (segment.hi > 0);
    if (Enclosure(segment.most).certainly_below(abs(y)) || abs(y).certainly_below(Enclosure(segment.least))) return false;
    const double d = x - segment.center;
    const double error = segment.bound + segment.slope * std::abs(d);
    bool good = error <= 0x1p-46 * 1.0001 * std::max(std::abs(lower_double(y)), std::ldexp(1.0, f.e_min));
    for (const bool fused : {false, true}) {
      const Enclosure off = abs(y - Enclosure(segment.hi) - Enclosure(horner(segment, d, fused)));
      if (error == 0) good = good && is_exact_zero(off);
      else if (off.certainly_below(Enclosure(error))) continue;
      else if (Enclosure(error).certainly_at_most(off)) good = false;
      else return std::nullopt;
    }
    return good;
  });
  // What no precision shows (1 − e^(−2^20) is less than 1) the row's strict bounds say.
  CHECK(decided.value_or(static_cast<bool>(op.bounds)));
}

std::vector<double> elsewhere(const Operator& op, double value) {
  std::vector<double> at;
  for (const InputRow& input : op.inputs) at.push_back(input.takes(value) ? value : input.domain.low);
  return at;
}

}  // namespace

TEST_CASE("segments cover a range without gap or overlap, in order") {
  const Format& f = format(Dtype::f32);
  for (const char* name : {"sigmoid", "log", "tanh"}) {
    const Operator& op = op_named(name);
    Line line(op, standard_attributes(op), f, 0, {0});
    for (const bool negative : {false, true}) {
      Bits next = 1;
      for (const Segment& segment : line.segments(negative, 1, f.max_finite())) {
        REQUIRE(segment.from == next);
        REQUIRE(segment.to >= segment.from);
        CHECK(segment.kind != Segment::Kind::undecided);
        next = segment.to + 1;
      }
      CHECK(next == f.infinity());
    }
  }
}

TEST_CASE("bounds and the promise are kept at random inputs of every elementwise row") {
  std::mt19937_64 random(20261125);
  for (const Operator& op : operators()) {
    if (op.independence != Independence::elementwise) continue;
    for (std::size_t variable = 0; variable < op.inputs.size(); ++variable)
      for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16})
        for (const double other : {1.0, -0.734375}) {
          const Format& f = format(dtype);
          const std::vector<double> at = elsewhere(op, other);
          Line line(op, standard_attributes(op), f, variable, at);
          for (int window = 0; window < 6; ++window) {
            const Bits from = 1 + random() % f.max_finite();
            const Bits to = std::min<Bits>(f.max_finite(), from + random() % (Bits{1} << (f.fraction_bits() - 2)));
            const bool negative = window % 2 != 0;
            const std::vector<Segment> segments = line.segments(negative, from, to);
            for (int k = 0; k < 4; ++k) {
              const Segment& segment = segments[random() % segments.size()];
              const Bits m = k == 0 ? segment.from : k == 1 ? segment.to : segment.from + random() % (segment.to - segment.from + 1);
              holds(op, f, at, variable, segment, m | (negative ? f.sign_mask() : 0));
            }
          }
          if (op.inputs.size() == 1) break;
        }
  }
}

TEST_CASE("where the row decides each input by itself, a polynomial does not") {
  std::mt19937_64 random(5);
  const double inf = std::numeric_limits<double>::infinity();
  for (const Operator& op : operators()) {
    if (op.independence != Independence::elementwise || op.inputs.size() != 2) continue;
    for (std::size_t variable = 0; variable < 2; ++variable)
      for (const double other : {std::nan(""), inf, -inf, 0.0, -0.0})
        if (op.inputs[1 - variable].takes(other)) {
          const Format& f = format(Dtype::bf16);
          std::vector<double> at(2, other);
          Line line(op, standard_attributes(op), f, variable, at);
          for (const bool negative : {false, true})
            for (const Segment& segment : line.segments(negative, 1, f.max_finite()))
              holds(op, f, at, variable, segment, (segment.from + random() % (segment.to - segment.from + 1)) | (negative ? f.sign_mask() : 0));
        }
  }
}

TEST_CASE("whole lines stay few segments") {
  const Format& f = format(Dtype::f32);
  std::mt19937_64 random(7);
  for (const char* name : {"sigmoid", "softplus", "tanh", "exp", "log", "relu", "sigmoid_backward"}) {
    const Operator& op = op_named(name);
    const std::vector<double> at = elsewhere(op, 1);
    const std::size_t variable = op.inputs.size() - 1;
    Line line(op, standard_attributes(op), f, variable, at);
    std::size_t count = 0;
    for (const bool negative : {false, true}) {
      const std::vector<Segment> segments = line.segments(negative, 1, f.max_finite());
      count += segments.size();
      for (int k = 0; k < 60; ++k) {
        const Segment& segment = segments[random() % segments.size()];
        holds(op, f, at, variable, segment, (segment.from + random() % (segment.to - segment.from + 1)) | (negative ? f.sign_mask() : 0));
      }
    }
    INFO(name << ": " << count);
    CHECK(count < 20000);
  }
}

TEST_CASE("a tail lies on the side that the row's strict bounds say") {
  const Format& f = format(Dtype::f32);
  const Operator& op = op_named("sigmoid");
  Line line(op, standard_attributes(op), f, 0, {0});
  const Segment high = line.point(*exact_bits(f, 100)), low = line.point(*exact_bits(f, -1000) | f.sign_mask());
  CHECK(high.hi + (high.c[0] + high.bound) <= 1);
  CHECK(high.hi + (high.c[0] - high.bound) > 0.99999999);
  CHECK(low.hi + (low.c[0] - low.bound) >= 0);
  CHECK(low.hi + low.c[0] + low.bound < 0x1p-149);
}

TEST_CASE("inputs of which the row decides alone are special, the others never") {
  const Format& f = format(Dtype::f32);
  const Operator& op = op_named("log");
  Line line(op, standard_attributes(op), f, 0, {0});
  CHECK(line.point(*exact_bits(f, 1)).kind == Segment::Kind::special);
  CHECK(line.point(*exact_bits(f, 1) + 1).kind == Segment::Kind::polynomial);
  CHECK(line.point(f.infinity()).kind == Segment::Kind::special);
  CHECK(line.point(f.quiet_nan()).kind == Segment::Kind::special);
  CHECK(line.point(0).kind == Segment::Kind::special);
  const std::vector<Segment> negative = line.segments(true, 1, f.max_finite());
  for (const Segment& segment : negative) CHECK(segment.kind == Segment::Kind::special);
  std::size_t ones = 0;
  for (const Segment& segment : line.segments(false, 1, f.max_finite())) ones += segment.kind == Segment::Kind::special;
  CHECK(ones == 1);
}
