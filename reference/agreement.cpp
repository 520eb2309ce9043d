// SPDX-License-Identifier: MIT
#include "reference/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "reference/numbers/numerical.hpp"

namespace karat {
namespace {

using Random = std::mt19937_64;

Tensor<Real> drawn(const InputRow& row, const Shape& shape, const Example* example, Random& random) {
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

// Every other value of an attribute that is worth a try.
std::vector<Attributes::Value> choices(const AttributeRow& row) {
  std::vector<Attributes::Value> all;
  using Kind = AttributeRow::Kind;
  if (row.kind == Kind::text)
    for (const std::string& choice : row.choices) all.emplace_back(choice);
  if (row.kind == Kind::number)
    for (const double d : row.directed)
      if (!row.valid || row.valid(d)) all.emplace_back(d);
  const bool flag = row.kind == Kind::integer && row.valid && row.valid(0) && row.valid(1) && !row.valid(2);
  if (flag) all.insert(all.end(), {Attributes::Value(std::int64_t{0}), Attributes::Value(std::int64_t{1})});
  return all;
}

std::string value_text(const Attributes::Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) {
    char text[40];
    std::snprintf(text, sizeof text, "%g", *number);
    return text;
  }
  return "…";
}

bool fits(const Point& p) {
  Shapes shapes;
  Tensors<double> plain;
  for (const auto& t : p.inputs) {
    shapes.push_back(t.shape);
    plain.emplace_back(t.shape);
    for (std::size_t i = 0; i < t.values.size(); ++i) plain.back().values[i] = static_cast<double>(t.values[i]);
  }
  try {
    p.op->output_shapes(shapes, p.attributes);
    if (p.op->refuse) p.op->refuse(plain, p.attributes);
  } catch (const Refused&) {
    return false;
  }
  return true;
}

template <class T>
std::vector<T> joined(const Tensors<T>& y) {
  std::vector<T> all;
  for (const auto& t : y) all.insert(all.end(), t.values.begin(), t.values.end());
  return all;
}

// The inputs over T: move(value, k) for the k-th number that is differentiated by.
template <class T, class Move>
Tensors<T> moved(const Point& p, Move move) {
  Tensors<T> x;
  std::size_t k = 0;
  for (std::size_t t = 0; t < p.inputs.size(); ++t) {
    x.emplace_back();
    x.back().shape = p.inputs[t].shape;
    for (const Real& v : p.inputs[t].values) x.back().values.push_back(p.op->inputs[t].differentiable ? move(v, k++) : T(v));
  }
  return x;
}

Real weighted(const std::vector<Real>& dy, const std::vector<Real>& y) {
  Real total(0);
  for (std::size_t j = 0; j < y.size(); ++j) total += dy[j] * y[j];
  return total;
}

// An operation gives the larger precision of its operands: constants must not bring a smaller one.
Point at_working_precision(Point p) {
  for (auto& t : p.inputs)
    for (Real& v : t.values) v = Real(static_cast<double>(v));
  return p;
}

struct Weights {
  std::vector<Real> dy, direction;
};

std::vector<Real> by_tape(const Point& p, const Weights& w) {
  Tape<Real> tape;
  std::vector<Taped<Real>> x;
  const auto in = moved<Taped<Real>>(p, [&](const Real& v, std::size_t) {
    x.push_back(tape.input(v));
    return x.back();
  });
  const auto y = joined(p.op->taped(in, p.attributes));
  return tape.gradient(x, y, w.dy);
}

std::vector<Real> by_symbols(const Point& p, const Weights& w) {
  std::map<std::string, Real> values;
  std::vector<std::string> names;
  Tensors<Symbol> in;
  for (std::size_t t = 0; t < p.inputs.size(); ++t) {
    in.emplace_back();
    in.back().shape = p.inputs[t].shape;
    for (std::size_t i = 0; i < p.inputs[t].values.size(); ++i) {
      const Real& v = p.inputs[t].values[i];
      const auto sample = static_cast<double>(v);
      if (!p.op->inputs[t].differentiable) {
        in.back().values.push_back(Symbol(sample));
        continue;
      }
      names.push_back(p.op->inputs[t].name + "[" + std::to_string(i) + "]");
      values[names.back()] = v;
      in.back().values.push_back(Symbol::variable(names.back(), sample));
    }
  }
  for (const auto& [name, value] : p.attributes.values)
    if (const auto* number = std::get_if<double>(&value)) values[name] = Real(*number);
  const auto y = joined(p.op->symbolic(in, p.attributes));
  Symbol total(0);
  for (std::size_t j = 0; j < y.size(); ++j) total = total + Symbol(static_cast<double>(w.dy[j])) * y[j];
  return evaluate<Real>(gradient(total, names), values);
}

std::vector<Real> by_closed_form(const Point& p, const Weights& w) {
  Tensors<Real> in;
  Shapes shapes;
  for (const auto& t : p.inputs) shapes.push_back(t.shape);
  std::size_t j = 0;
  for (const Shape& shape : p.op->output_shapes(shapes, p.attributes)) {
    Tensor<Real> dy(shape);
    for (Real& v : dy.values) v = w.dy[j++];
    in.push_back(std::move(dy));
  }
  in.insert(in.end(), p.inputs.begin(), p.inputs.end());
  return joined(p.op->closed_form(in, p.attributes));
}

Real by_dual(const Point& p, const Weights& w) {
  const auto in = moved<Dual<Real>>(p, [&](const Real& v, std::size_t k) { return Dual<Real>(v, w.direction[k]); });
  Real total(0);
  const auto y = joined(p.op->dual(in, p.attributes));
  for (std::size_t j = 0; j < y.size(); ++j) total += w.dy[j] * y[j].derivative;
  return total;
}

// Along the direction: f(s) = Σ dy · y(x + s·v), at s = 0.
struct Along {
  const Point& p;
  const Weights& w;
  Real operator()(const Real& s) const {
    return weighted(w.dy, joined(p.op->real(moved<Real>(p, [&](const Real& v, std::size_t k) { return Real(v + s * w.direction[k]); }), p.attributes)));
  }
  Complex<Real> operator()(const Complex<Real>& s) const {
    const auto in = moved<Complex<Real>>(p, [&](const Real& v, std::size_t k) {
      return Complex<Real>(Real(v + s.value * w.direction[k]), Real(s.imaginary * w.direction[k]));
    });
    Complex<Real> total(0);
    const auto y = joined(p.op->complex_step(in, p.attributes));
    for (std::size_t j = 0; j < y.size(); ++j) total = total + Complex<Real>(w.dy[j]) * y[j];
    return total;
  }
};

}  // namespace

std::vector<Point> points_of(const Operator& op, std::uint64_t seed) {
  Random random(seed);
  std::vector<Point> all;
  const auto add = [&](Point p) {
    if (fits(p)) all.push_back(std::move(p));
  };
  if (op.independence != Independence::whole) {
    Point p{&op, standard_attributes(op), {}, op.name};
    for (const InputRow& row : op.inputs) {
      InputRow near = row;
      near.typical = {std::max(row.typical.low, -8.0), std::min(row.typical.high, 8.0)};
      if (row.domain.low >= 0) near.typical.low = std::max(near.typical.low, 0.125);
      p.inputs.push_back(drawn(near, {op.independence == Independence::elementwise ? 4 : 5}, nullptr, random));
    }
    add(std::move(p));
  }
  for (const Example& example : op.examples) {
    Point p{&op, standard_attributes(op), {}, op.name};
    for (const auto& [name, value] : example.attributes) {
      p.attributes.values[name] = value;
      p.name += " " + name + "=" + value_text(value);
    }
    p.kink = example.kink;
    for (std::size_t t = 0; t < op.inputs.size(); ++t) p.inputs.push_back(drawn(op.inputs[t], example.shapes[t], &example, random));
    add(std::move(p));
  }
  if (all.empty()) return all;
  for (const AttributeRow& row : op.attributes)
    for (const Attributes::Value& value : choices(row)) {
      Point p = all.front();
      if (p.attributes.values.at(row.name) == value) continue;
      p.attributes.values[row.name] = value;
      p.name += " " + row.name + "=" + value_text(value);
      add(std::move(p));
    }
  return all;
}

std::optional<Agreement> agreement(const Point& point, int digits, std::uint64_t seed) {
  if (!point.op->differentiable()) return std::nullopt;
  const int bits = static_cast<int>(digits * 3.3219280948873626) + 8;
  Random random(seed);
  const auto eighths = [&] {
    const auto n = static_cast<double>(1 + random() % 31);
    return Real(n * 0.125 - 2);
  };
  Weights w;
  std::vector<Real> truth;
  Real along(0), scale(0);
  {
    const PrecisionScope twice(2 * bits);
    const Point p = at_working_precision(point);
    const auto y = joined(p.op->real(p.inputs, p.attributes));
    for (const Real& v : y) {
      if (!(v - v == 0)) return std::nullopt;
      w.dy.push_back(eighths());
    }
    truth = by_tape(p, w);
    if (truth.empty() || y.empty()) return std::nullopt;
    for (const Real& d : truth) {
      w.direction.push_back(eighths());
      along += d * w.direction.back();
      scale = std::max(scale, Real(abs(d)));
    }
  }
  if (!(scale - scale == 0)) return std::nullopt;
  if (scale == 0) scale = 1;

  const auto digits_of = [&](const Real& error) {
    if (!(error - error == 0)) return -1.0;
    if (error == 0) return static_cast<double>(2 * digits);
    return static_cast<double>(Real(-log10(Real(abs(error) / scale))));
  };
  const auto worst = [&](const std::vector<Real>& g) {
    if (g.size() != truth.size()) return -1.0;
    double least = 2.0 * digits;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const double d = digits_of(Real(g[i] - truth[i]));
      least = d < least ? d : least;
    }
    return least;
  };
  const PrecisionScope working(bits);
  const Point p = at_working_precision(point);
  Agreement a;
  a.inputs = truth.size();
  a.outputs = w.dy.size();
  a.tape = worst(by_tape(p, w));
  a.dual = digits_of(Real(by_dual(p, w) - along));
  a.symbolic = worst(by_symbols(p, w));
  if (p.op->closed_form) a.closed_form = worst(by_closed_form(p, w));

  if (p.kink) return a;
  // Steps near the best of each: errors of h against rounding of 1/h.
  const Along f{p, w};
  const Real zero(0);
  const auto step = [&](double share) { return ldexp(Real(1), -static_cast<int>(bits * share)); };
  a.forward = digits_of(Real(forward_difference(f, zero, step(1.0 / 2)) - along));
  a.central = digits_of(Real(central_difference(f, zero, step(1.0 / 3)) - along));
  a.richardson = digits_of(Real(richardson(f, zero, step(1.0 / 9), 4) - along));
  a.complex_step = digits_of(Real(complex_step(f, zero, step(2)) - along));
  const Real coarse = ldexp(Real(1), -14);
  const auto order = [&](auto approximate) -> std::optional<double> {
    // Below rounding no order shows: the formula is a polynomial of so low a degree.
    if (digits_of(Real(approximate(coarse) - along)) > digits * 0.6) return std::nullopt;
    return measured_order(approximate, along, coarse);
  };
  a.forward_order = order([&](const Real& h) { return forward_difference(f, zero, h); });
  a.central_order = order([&](const Real& h) { return central_difference(f, zero, h); });
  a.richardson_order = order([&](const Real& h) { return richardson(f, zero, h, 2); });
  a.complex_order = order([&](const Real& h) { return complex_step(f, zero, h); });
  return a;
}

}  // namespace karat
