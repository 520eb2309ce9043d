// SPDX-License-Identifier: MIT
// Every row, through both number types.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "reference/exact.hpp"

using namespace karat;

namespace {

// Random finite inputs: half of them dense where the row says, half over all exponents.
Question random_question(const Operator& op, const Format& f, std::int64_t length, std::mt19937_64& random) {
  Question q{&op, &f, {}, standard_attributes(op)};
  for (const InputRow& row : op.inputs) {
    Tensor<Bits> tensor(Shape{length});
    for (Bits& b : tensor.values) {
      do {
        if ((random() & 1) != 0) {
          std::uniform_real_distribution<double> dense(row.typical.low, row.typical.high);
          b = round_nearest(f, truncated(dense(random)));
        } else {
          b = random() & f.mask();
        }
      } while (!is_finite(f, b));
    }
    q.inputs.push_back(std::move(tensor));
  }
  return q;
}

constexpr std::int64_t beyond = std::int64_t{1} << 39;

bool inside(const Real& r, const Enclosure& e) {
  // The ends cut to 64 bits, widened by one unit there.
  const PrecisionScope scope(64);
  const auto wide = [](const Truncated& t, bool up) {
    Real x(0);
    mpfr_set_uj(x.backend().data(), t.significand, MPFR_RNDN);
    if (up != t.negative) x += 1;
    mpfr_mul_2si(x.backend().data(), x.backend().data(), t.exponent, MPFR_RNDN);
    return t.negative ? Real(-x) : x;
  };
  return wide(e.lower(), false) <= r && r <= wide(e.upper(), true);
}

}  // namespace

TEST_CASE("the family stands: every operator has one name, a formula, a source and both evaluations") {
  CHECK(operators().size() >= 25);
  for (const Operator& op : operators()) {
    INFO(op.name);
    CHECK(find_operator(op.name) == &op);
    CHECK_FALSE(op.formula.empty());
    CHECK_FALSE(op.source.empty());
    CHECK_FALSE(op.notes.empty());
    CHECK(op.real);
    CHECK(op.enclose);
    if (op.independence == Independence::whole) {
      CHECK(op.shapes);
      CHECK_FALSE(op.examples.empty());
    } else {
      CHECK(op.specials);
      CHECK(op.outputs.size() == 1);
    }
  }
  CHECK(find_operator("sigmoide") == nullptr);
}

TEST_CASE("Real lies inside Enclosure on every operator and format") {
  std::mt19937_64 random(7);
  for (const Operator& op : operators()) {
    if (op.independence == Independence::whole) continue;  // agreement_test.cpp has them
    for (const Format& f : formats()) {
      int compared = 0;
      for (int round = 0; round < 60; ++round) {
        const Question q =
            random_question(op, f, op.independence == Independence::along_axis ? 5 : 1, random);
        const std::vector<Specials> by_row = specials(q);
        // 160 bits against 6000: a literal formula at 2^-1074 cancels thousands of bits.
        std::vector<Answer> balls;
        try {
          const PrecisionScope scope(160);
          balls = answers(q);
        } catch (const Undecided&) {
          continue;
        }
        const PrecisionScope scope(6000);
        const std::vector<Real> reals = witness(q);
        for (std::size_t i = 0; i < balls.size(); ++i) {
          if (!by_row[i].empty() || !balls[i].value.is_bounded()) continue;
          // e^(±10^30) is beyond MPFR's exponents; the enclosure has it.
          if (!boost::multiprecision::isfinite(reals[i]) ||
              std::abs(balls[i].value.lower().exponent) >= beyond)
            continue;
          ++compared;
          INFO(op.name << " " << f.name << " input " << to_text(f, q.inputs.back().values[i]) << " real "
                       << reals[i] << " ball " << balls[i].value.midpoint());
          REQUIRE(inside(reals[i], balls[i].value));
        }
      }
      INFO(op.name << " " << f.name);
      CHECK(compared >= 30);
    }
  }
}

TEST_CASE("strict bounds hold for the witness") {
  std::mt19937_64 random(8);
  for (const Operator& op : operators()) {
    if (!op.bounds) continue;
    const Format& f = format(Dtype::f32);
    int compared = 0;
    for (int round = 0; round < 200; ++round) {
      const Question q = random_question(op, f, op.independence == Independence::along_axis ? 4 : 1, random);
      const std::vector<Specials> by_row = specials(q);
      const PrecisionScope scope(4000);
      const std::vector<Answer> balls = answers(q);
      for (std::size_t i = 0; i < balls.size(); ++i) {
        if (!by_row[i].empty()) continue;
        // Where the enclosure can tell, it must not contradict the bound.
        if (balls[i].above) {
          ++compared;
          REQUIRE_FALSE(balls[i].value.certainly_at_most(*balls[i].above));
        }
        if (balls[i].below) {
          ++compared;
          REQUIRE_FALSE(balls[i].below->certainly_at_most(balls[i].value));
        }
      }
    }
    INFO(op.name);
    CHECK(compared > 100);
  }
}

TEST_CASE("backward operators agree with their closed forms") {
  const auto value = [](const char* name, std::vector<double> dy, std::vector<double> x) {
    const Operator* op = find_operator(name);
    const Format& f = format(Dtype::f64);
    Question q{op, &f, {}, standard_attributes(*op)};
    for (const auto& v : {dy, x}) {
      Tensor<Bits> t(Shape{static_cast<std::int64_t>(v.size())});
      for (std::size_t i = 0; i < v.size(); ++i) t.values[i] = *exact_bits(f, v[i]);
      q.inputs.push_back(t);
    }
    const PrecisionScope scope(200);
    return witness(q);
  };
  const auto close = [](const Real& a, const Real& b) {
    return abs(Real(a - b)) <= Real("1e-50") * (1 + abs(b));
  };
  const PrecisionScope scope(200);
  for (const double x : {-3.0, -0.5, 0.0, 0.25, 7.0}) {
    const Real X(x), s = 1 / (1 + exp(Real(-X))), t = tanh(X);
    CHECK(close(value("sigmoid_backward", {2}, {x})[0], 2 * s * (1 - s)));
    CHECK(close(value("tanh_backward", {2}, {x})[0], 2 * (1 - t * t)));
    CHECK(close(value("softplus_backward", {2}, {x})[0], 2 * s));
    CHECK(value("relu_backward", {2}, {x})[0] == (x > 0 ? 2 : 0));
    CHECK(close(value("leaky_relu_backward", {2}, {x})[0], x > 0 ? Real(2) : Real(2) * Real(0x1.47ae14p-7)));
  }
  // Both softmax gradients against s_i (dy_i − Σ dy_j s_j) and dy_i − s_i Σ dy_j.
  const std::vector<double> x{0.5, -2, 3}, dy{1, 0.25, -2};
  std::vector<Real> e;
  for (const double v : x) e.push_back(exp(Real(v)));
  const Real total = e[0] + e[1] + e[2];
  Real dot(0), plain(0);
  for (std::size_t j = 0; j < 3; ++j) {
    dot += dy[j] * e[j] / total;
    plain += dy[j];
  }
  const auto soft = value("softmax_backward", dy, x), logs = value("log_softmax_backward", dy, x);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(close(soft[i], e[i] / total * (dy[i] - dot)));
    CHECK(close(logs[i], dy[i] - e[i] / total * plain));
  }
}

TEST_CASE("a question that does not fit its operator is refused with the reason") {
  const Operator* softmax = find_operator("softmax");
  const Format& f = format(Dtype::f32);
  Question q{softmax, &f, {Tensor<Bits>(Shape{2, 3})}, standard_attributes(*softmax)};
  CHECK_FALSE(invalid(q).has_value());
  q.attributes.values["axis"] = std::int64_t{2};
  REQUIRE(invalid(q).has_value());
  CHECK_THAT(*invalid(q), Catch::Contains("axis") && Catch::Contains("rank"));
  const Operator* leaky = find_operator("leaky_relu");
  Question l{leaky, &f, {Tensor<Bits>(Shape{1})}, standard_attributes(*leaky)};
  l.attributes.values["alpha"] = 0.01;
  REQUIRE(invalid(l).has_value());
  CHECK_THAT(*invalid(l), Catch::Contains("representable"));
  l.attributes.values["alpha"] = -1.0;
  CHECK_THAT(*invalid(l), Catch::Contains("α > 0"));
}

TEST_CASE("slices along an axis cover a tensor once") {
  const Operator* softmax = find_operator("softmax");
  const Format& f = format(Dtype::f32);
  for (std::int64_t axis = 0; axis < 3; ++axis) {
    Question q{softmax, &f, {Tensor<Bits>(Shape{2, 3, 4})}, {}};
    q.attributes.values["axis"] = axis;
    std::vector<int> seen(24, 0);
    for (std::size_t u = 0; u < unit_count(q); ++u)
      for (const std::size_t i : unit(q, u).outputs) ++seen[i];
    CHECK(seen == std::vector<int>(24, 1));
  }
  Question empty{softmax, &f, {Tensor<Bits>(Shape{3, 0})}, {}};
  empty.attributes.values["axis"] = std::int64_t{1};
  CHECK(unit_count(empty) == 0);
}
