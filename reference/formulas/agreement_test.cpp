// SPDX-License-Identifier: MIT
// The ways of differentiating agree, for every operator and variant; Real lies in the enclosures.
#include <catch2/catch.hpp>

#include "reference/agreement.hpp"
#include "reference/exact.hpp"

namespace karat {

TEST_CASE("tape, dual numbers, symbols, closed forms and complex steps agree on every operator and variant") {
  for (const int digits : {50, 200}) {
    int compared = 0;
    for (const Operator& op : operators())
      for (const Point& p : points_of(op, 11)) {
        const auto a = agreement(p, digits, 11);
        if (!a) continue;
        INFO(p.name << " at " << digits << " digits");
        const double enough = digits - 3;
        CHECK(a->tape.value() >= enough);
        CHECK(a->dual.value() >= enough);
        CHECK(a->symbolic.value() >= enough);
        CHECK(a->closed_form.value_or(-1) >= enough);
        ++compared;
        if (p.kink) continue;
        CHECK(a->complex_step.value() >= enough);
        // What is left of the digits by a step of order 1, 2 and 8 in h.
        CHECK(a->forward.value() >= digits * 0.5 - 6);
        CHECK(a->central.value() >= digits * 0.66 - 8);
        CHECK(a->richardson.value() >= digits * 0.85 - 10);
        if (a->forward_order) CHECK(*a->forward_order == Approx(1).margin(0.1));
        if (a->central_order) CHECK(*a->central_order == Approx(2).margin(0.1));
        if (a->complex_order) CHECK(*a->complex_order == Approx(2).margin(0.1));
        if (a->richardson_order) CHECK(*a->richardson_order == Approx(4).margin(0.2));
      }
    CHECK(compared >= 100);
  }
}

TEST_CASE("every differentiable operator has a point at which the ways are compared") {
  for (const Operator& op : operators()) {
    if (!op.differentiable()) continue;
    bool any = false;
    for (const Point& p : points_of(op, 11)) any = any || agreement(p, 20, 11).has_value();
    INFO(op.name);
    CHECK(any);
  }
}

TEST_CASE("second derivatives by forward over reverse are symmetric") {
  const PrecisionScope scope(256);
  int compared = 0;
  for (const Operator& op : operators())
  for (const Point& p : points_of(op, 12)) {
    if (!agreement(p, 20, 12)) continue;
    INFO(p.name);
    std::size_t n = 0;
    for (std::size_t t = 0; t < p.inputs.size(); ++t) n += p.op->inputs[t].differentiable ? p.inputs[t].values.size() : 0;
    n = std::min<std::size_t>(n, 6);
    std::vector<std::vector<Real>> hessian;
    for (std::size_t column = 0; column < n; ++column) {
      Tape<Dual<Real>> tape;
      std::vector<Taped<Dual<Real>>> moving;
      Tensors<Taped<Dual<Real>>> x;
      for (std::size_t t = 0; t < p.inputs.size(); ++t) {
        x.emplace_back();
        x.back().shape = p.inputs[t].shape;
        for (const Real& v : p.inputs[t].values) {
          if (p.op->inputs[t].differentiable) {
            moving.push_back(tape.input(Dual<Real>(v, Real(moving.size() == column ? 1 : 0))));
            x.back().values.push_back(moving.back());
          } else {
            x.back().values.emplace_back(Dual<Real>(v));
          }
        }
      }
      std::vector<Taped<Dual<Real>>> y;
      for (const auto& t : p.op->second_order(x, p.attributes)) y.insert(y.end(), t.values.begin(), t.values.end());
      const std::vector<Dual<Real>> dy(y.size(), Dual<Real>(1));
      hessian.emplace_back();
      for (const auto& d : tape.gradient(moving, y, dy)) hessian.back().push_back(d.derivative);
    }
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < i; ++j) REQUIRE(abs(hessian[i][j] - hessian[j][i]) <= Real("1e-55") * (1 + abs(hessian[i][j])));
    ++compared;
  }
  CHECK(compared >= 50);
}

TEST_CASE("every example is a question that has an answer, and Real lies inside the enclosure") {
  const Format& f = format(Dtype::f64);
  int compared = 0;
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole) continue;
    for (const Point& p : points_of(op, 13)) {
      Question q{&op, &f, {}, p.attributes};
      for (std::size_t t = 0; t < op.inputs.size(); ++t) {
        Tensor<Bits> bits(p.inputs[t].shape);
        for (std::size_t i = 0; i < bits.values.size(); ++i) {
          const auto d = static_cast<double>(p.inputs[t].values[i]);
          bits.values[i] = op.inputs[t].index ? static_cast<Bits>(static_cast<std::int64_t>(d)) : *exact_bits(f, d);
        }
        q.inputs.push_back(std::move(bits));
      }
      INFO(p.name);
      REQUIRE(invalid(q).value_or("") == "");
      const std::vector<Specials> by_row = specials(q);
      std::vector<Answer> balls;
      std::vector<Real> reals;
      {
        const PrecisionScope scope(300);
        balls = answers(q);
        reals = witness(q);
      }
      REQUIRE(balls.size() == q.output_count());
      REQUIRE(reals.size() == balls.size());
      for (std::size_t i = 0; i < balls.size(); ++i) {
        if (!by_row[i].empty()) continue;
        REQUIRE(balls[i].value.is_bounded());
        const double close = balls[i].value.midpoint();
        REQUIRE(abs(reals[i] - Real(close)) <= abs(Real(close)) * Real(1e-15) + Real(1e-300));
        ++compared;
      }
    }
  }
  CHECK(compared >= 500);
}

}  // namespace karat
