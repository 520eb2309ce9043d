// SPDX-License-Identifier: MIT
// The ways of differentiating agree, for every operator, variant and example: reverse-mode tape,
// dual numbers, the closed form where a row has one, differences, and enclosures around all.
#include <catch2/catch.hpp>
#include <optional>
#include <random>

#include "reference/exact.hpp"
#include "reference/formulas/testing.hpp"
#include "reference/whole.hpp"

namespace karat {
namespace {

struct Point {
  const Operator* op;
  Attributes attributes;
  Tensors<Real> x;
};

// Random values of each input's row, dyadic, so that every format holds them exactly.
Tensor<Real> drawn(const InputRow& row, const Shape& shape, const Example* example, std::mt19937_64& random) {
  Tensor<Real> t(shape);
  const std::vector<double>* given = nullptr;
  if (example)
    if (const auto found = example->values.find(row.name); found != example->values.end()) given = &found->second;
  for (std::size_t i = 0; i < t.values.size(); ++i) {
    const double share = static_cast<double>(random() >> 40) * 0x1p-24;
    t.values[i] = Real(given ? given->at(i % given->size()) : row.typical.low + (row.typical.high - row.typical.low) * share);
  }
  return t;
}

std::vector<Point> points(std::mt19937_64& random) {
  std::vector<Point> all;
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole) {
      const Shape shape = op.independence == Independence::elementwise ? Shape{4} : Shape{5};
      Point p{&op, standard_attributes(op), {}};
      for (const InputRow& row : op.inputs) {
        InputRow near = row;
        near.typical = {std::max(row.typical.low, -8.0), std::min(row.typical.high, 8.0)};
        if (row.domain.low >= 0) near.typical.low = std::max(near.typical.low, 0.125);
        p.x.push_back(drawn(near, shape, nullptr, random));
      }
      all.push_back(std::move(p));
      continue;
    }
    for (const Example& example : op.examples) {
      Point p{&op, standard_attributes(op), {}};
      for (const auto& [name, value] : example.attributes) p.attributes.values[name] = value;
      for (std::size_t t = 0; t < op.inputs.size(); ++t) p.x.push_back(drawn(op.inputs[t], example.shapes[t], &example, random));
      all.push_back(std::move(p));
    }
  }
  return all;
}

template <class T>
std::vector<T> joined(const Tensors<T>& y) {
  std::vector<T> all;
  for (const auto& t : y) all.insert(all.end(), t.values.begin(), t.values.end());
  return all;
}

std::string name_of(const Point& p) {
  std::string text = p.op->name;
  for (const auto& [name, value] : p.attributes.values)
    if (const auto* s = std::get_if<std::string>(&value)) text += " " + name + "=" + *s;
  return text;
}

struct Gradients {
  std::vector<Real> dy, tape;
  Real along;  // Σ tape_i v_i
  std::vector<Real> direction;
};

// The gradient by the tape and a direction to look along; nothing where there is none to have.
std::optional<Gradients> by_tape(const Point& p, std::mt19937_64& random) {
  Tape<Real> tape;
  Tensors<Taped<Real>> x;
  std::vector<Taped<Real>> moving;
  Gradients g;
  for (std::size_t t = 0; t < p.x.size(); ++t) {
    if (p.op->inputs[t].differentiable) {
      x.push_back(tape.input(p.x[t]));
      moving.insert(moving.end(), x.back().values.begin(), x.back().values.end());
    } else {
      x.emplace_back();
      x.back().shape = p.x[t].shape;
      for (const Real& v : p.x[t].values) x.back().values.emplace_back(v);
    }
  }
  const auto y = joined(p.op->taped(x, p.attributes));
  for (const auto& v : y)
    if (!(v.value - v.value == 0)) return std::nullopt;
  if (moving.empty() || y.empty()) return std::nullopt;
  for (std::size_t j = 0; j < y.size(); ++j) g.dy.emplace_back(static_cast<double>(1 + random() % 31) * 0.125 - 2);
  g.tape = tape.gradient(moving, y, g.dy);
  g.along = 0;
  for (const Real& d : g.tape) {
    g.direction.emplace_back(static_cast<double>(1 + random() % 31) * 0.125 - 2);
    g.along += d * g.direction.back();
  }
  return g;
}

template <class T, class Move>
Tensors<T> moved(const Point& p, Move move) {
  Tensors<T> x;
  std::size_t k = 0;
  for (std::size_t t = 0; t < p.x.size(); ++t) {
    x.emplace_back();
    x.back().shape = p.x[t].shape;
    for (const Real& v : p.x[t].values) x.back().values.push_back(p.op->inputs[t].differentiable ? move(v, k++) : T(v));
  }
  return x;
}

Real scale_of(const Gradients& g) {
  Real s(1);
  for (std::size_t i = 0; i < g.tape.size(); ++i) s += abs(g.tape[i] * g.direction[i]);
  return s;
}

}  // namespace

TEST_CASE("tape, dual numbers, closed forms and differences agree on every operator and example") {
  for (const int digits : {50, 200}) {
    const PrecisionScope scope(static_cast<int>(digits * 3.33) + 64);
    const Real tolerance = pow(Real(10), -digits);
    std::mt19937_64 random(11);
    int compared = 0, closed = 0;
    for (const Point& p : points(random)) {
      if (!p.op->differentiable()) continue;
      const auto g = by_tape(p, random);
      if (!g) continue;
      INFO(name_of(p) << " at " << digits << " digits");
      const Real scale = scale_of(*g);

      const auto y = joined(p.op->dual(moved<Dual<Real>>(p, [&](const Real& v, std::size_t k) { return Dual<Real>(v, g->direction[k]); }), p.attributes));
      Real dual(0);
      for (std::size_t j = 0; j < y.size(); ++j) dual += g->dy[j] * y[j].derivative;
      REQUIRE(abs(dual - g->along) <= tolerance * scale);

      if (p.op->closed_form) {
        Tensors<Real> in;
        Shapes shapes;
        for (const auto& t : p.x) shapes.push_back(t.shape);
        std::size_t j = 0;
        for (const Shape& shape : p.op->output_shapes(shapes, p.attributes)) {
          Tensor<Real> dy(shape);
          for (Real& v : dy.values) v = g->dy[j++];
          in.push_back(std::move(dy));
        }
        in.insert(in.end(), p.x.begin(), p.x.end());
        const auto by_form = joined(p.op->closed_form(in, p.attributes));
        REQUIRE(by_form.size() == g->tape.size());
        for (std::size_t i = 0; i < by_form.size(); ++i) REQUIRE(abs(by_form[i] - g->tape[i]) <= tolerance * scale);
        ++closed;
      }

      // Central differences: the error falls with h², until halving h ten times is 10⁶ times less.
      const auto difference = [&](const Real& h) {
        const auto at = [&](int sign) {
          const auto v = joined(p.op->real(moved<Real>(p, [&](const Real& x, std::size_t k) { return Real(x + sign * h * g->direction[k]); }), p.attributes));
          Real total(0);
          for (std::size_t i = 0; i < v.size(); ++i) total += g->dy[i] * v[i];
          return total;
        };
        return Real((at(1) - at(-1)) / (2 * h));
      };
      const Real coarse = abs(difference(ldexp(Real(1), -20)) - g->along), fine = abs(difference(ldexp(Real(1), -30)) - g->along);
      REQUIRE(fine <= coarse * ldexp(Real(1), -18) + ldexp(scale, -70));
      REQUIRE(fine <= scale * ldexp(Real(1), -40));
      ++compared;
    }
    CHECK(compared >= 60);
    CHECK(closed >= 10);
  }
}

TEST_CASE("second derivatives by forward over reverse are symmetric") {
  const PrecisionScope scope(256);
  std::mt19937_64 random(12);
  int compared = 0;
  for (const Point& p : points(random)) {
    if (!p.op->second_order || !by_tape(p, random)) continue;
    INFO(name_of(p));
    std::size_t n = 0;
    for (std::size_t t = 0; t < p.x.size(); ++t) n += p.op->inputs[t].differentiable ? p.x[t].values.size() : 0;
    n = std::min<std::size_t>(n, 6);
    std::vector<std::vector<Real>> hessian;
    for (std::size_t column = 0; column < n; ++column) {
      Tape<Dual<Real>> tape;
      std::vector<Taped<Dual<Real>>> moving;
      const auto x = moved<Taped<Dual<Real>>>(p, [&](const Real& v, std::size_t k) {
        moving.push_back(tape.input(Dual<Real>(v, Real(k == column ? 1 : 0))));
        return moving.back();
      });
      const auto y = joined(p.op->second_order(x, p.attributes));
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
  std::mt19937_64 random(13);
  const Format& f = format(Dtype::f64);
  int compared = 0;
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole) continue;
    for (const Example& example : op.examples) {
      Question q{&op, &f, {}, standard_attributes(op)};
      for (const auto& [name, value] : example.attributes) q.attributes.values[name] = value;
      for (std::size_t t = 0; t < op.inputs.size(); ++t) {
        const Tensor<Real> drawn_values = drawn(op.inputs[t], example.shapes[t], &example, random);
        Tensor<Bits> bits(example.shapes[t]);
        for (std::size_t i = 0; i < bits.values.size(); ++i) {
          const auto d = static_cast<double>(drawn_values.values[i]);
          bits.values[i] = op.inputs[t].index ? static_cast<Bits>(static_cast<std::int64_t>(d)) : *exact_bits(f, d);
        }
        q.inputs.push_back(std::move(bits));
      }
      INFO(op.name);
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
