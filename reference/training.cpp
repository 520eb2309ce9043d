// SPDX-License-Identifier: MIT
#include "reference/training.hpp"

#include <algorithm>

#include "reference/numbers/functions.hpp"

namespace karat {
namespace {

// Samples are dyadic, so that every number type has them exactly.
constexpr double inputs[] = {-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2};

// (y − θ₀ − θ₁x)², y = 1 + 2x and a little more or less.
struct LinearRegression {
  static constexpr double targets[] = {-3.125, -1.875, -1.0625, 0.0625, 1.875, 3.0625, 4.125, 4.9375};
  template <class T>
  static T loss(const std::vector<T>& theta, std::size_t n) {
    const T error = T(targets[n]) - (theta[0] + theta[1] * T(inputs[n]));
    return error * error;
  }
};

// −t log σ(z) − (1 − t) log(1 − σ(z)), z = θ₀ + θ₁x; no line parts the classes.
struct LogisticRegression {
  static constexpr int targets[] = {0, 0, 1, 0, 1, 0, 1, 1};
  template <class T>
  static T loss(const std::vector<T>& theta, std::size_t n) {
    const T p = 1 / (1 + exp(-(theta[0] + theta[1] * T(inputs[n]))));
    return targets[n] == 1 ? -log(p) : -log(1 - p);
  }
};

// (1 − a)² + 100 (b − a²)²
struct Rosenbrock {
  template <class T>
  static T loss(const std::vector<T>& theta, std::size_t) {
    const T valley = theta[1] - theta[0] * theta[0], rest = 1 - theta[0];
    return rest * rest + 100 * valley * valley;
  }
};

template <class F>
Problem problem(std::string name, std::string formula, std::size_t samples, std::function<std::vector<Real>()> start) {
  return {std::move(name), std::move(formula), samples, std::move(start), F::template loss<Real>, F::template loss<Taped<Real>>,
          F::template loss<Taped<Dual<Real>>>};
}

std::vector<Real> gradient(const Problem& p, const std::vector<Real>& theta, std::size_t sample) {
  Tape<Real> tape;
  const auto x = tape.inputs(theta);
  const std::vector<Taped<Real>> y{p.taped(x, sample)};
  return tape.gradient(x, y, std::vector<Real>{Real(1)});
}

// Column by column; the halves are made equal, so that rounding leaves it symmetric.
Tensor<Real> hessian(const Problem& p, const std::vector<Real>& theta, const std::vector<std::size_t>& samples) {
  const std::size_t n = theta.size();
  Tensor<Real> h(Shape{static_cast<std::int64_t>(n), static_cast<std::int64_t>(n)});
  for (const std::size_t sample : samples)
    for (std::size_t column = 0; column < n; ++column) {
      Tape<Dual<Real>> tape;
      std::vector<Dual<Real>> at;
      for (std::size_t i = 0; i < n; ++i) at.emplace_back(theta[i], Real(i == column ? 1 : 0));
      const auto x = tape.inputs(at);
      const std::vector<Taped<Dual<Real>>> y{p.second_order(x, sample)};
      const auto g = tape.gradient(x, y, std::vector<Dual<Real>>{Dual<Real>(1)});
      for (std::size_t i = 0; i < n; ++i) h.values[i * n + column] += g[i].derivative / static_cast<double>(samples.size());
    }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < i; ++j) h.values[i * n + j] = h.values[j * n + i];
  return h;
}

bool takes_samples(const Operator& op, std::int64_t size) {
  Shapes shapes{{size}, {1, size}};
  try {
    op.output_shapes(shapes, standard_attributes(op));
  } catch (const Refused&) {
    return false;
  }
  return true;
}

TrainingStep measured(const Problem& p, const std::vector<Real>& theta) {
  TrainingStep s{theta, Real(0), Real(0)};
  std::vector<Real> g(theta.size(), Real(0));
  for (std::size_t n = 0; n < p.samples; ++n) {
    s.loss += p.real(theta, n);
    const auto part = gradient(p, theta, n);
    for (std::size_t i = 0; i < g.size(); ++i) g[i] += part[i];
  }
  s.loss /= static_cast<double>(p.samples);
  for (const Real& v : g) s.gradient_norm += v * v;
  s.gradient_norm = sqrt(s.gradient_norm) / static_cast<double>(p.samples);
  return s;
}

}  // namespace

std::span<const Problem> problems() {
  static const std::vector<Problem> all{
      problem<LinearRegression>("linear_regression", "(y - theta0 - theta1 x)^2, 8 samples", 8, [] { return std::vector<Real>{Real(0), Real(0)}; }),
      problem<LogisticRegression>("logistic_regression", "cross entropy of sigmoid(theta0 + theta1 x), 8 samples", 8,
                                  [] { return std::vector<Real>{Real(0), Real(0)}; }),
      problem<Rosenbrock>("rosenbrock", "(1 - a)^2 + 100 (b - a^2)^2", 1, [] { return std::vector<Real>{Real(-12) / 10, Real(1)}; })};
  return all;
}

const Problem* find_problem(std::string_view name) {
  for (const Problem& p : problems())
    if (p.name == name) return &p;
  return nullptr;
}

bool is_optimizer(const Operator& op) {
  return op.inputs.size() >= 2 && op.inputs[0].name == "theta" && op.inputs[1].name == "g" && !op.outputs.empty() && op.outputs[0] == "theta";
}

std::vector<TrainingStep> train(const Operator& op, const Problem& p, Attributes attributes, int steps, std::size_t batch) {
  std::vector<Real> theta = p.start();
  const auto size = static_cast<std::int64_t>(theta.size());
  batch = std::clamp<std::size_t>(batch, 1, p.samples);
  std::map<std::string, Tensor<Real>> states;
  for (std::size_t t = 2; t < op.inputs.size(); ++t) states[op.inputs[t].name] = Tensor<Real>(Shape{size});
  const bool whole_samples = takes_samples(op, size);
  std::vector<TrainingStep> path{measured(p, theta)};
  std::size_t next = 0;
  for (int step = 1; step <= steps; ++step) {
    std::vector<std::size_t> samples;
    for (std::size_t k = 0; k < batch; ++k) samples.push_back(next++ % p.samples);
    Tensor<Real> g(whole_samples ? Shape{static_cast<std::int64_t>(batch), size} : Shape{size});
    for (std::size_t k = 0; k < batch; ++k) {
      const auto part = gradient(p, theta, samples[k]);
      for (std::size_t i = 0; i < part.size(); ++i) {
        if (whole_samples) g.values[k * part.size() + i] = part[i];
        else g.values[i] += part[i] / static_cast<double>(batch);
      }
    }
    Tensors<Real> in{Tensor<Real>(Shape{size}, theta), g};
    Tensors<double> plain;
    for (std::size_t t = 2; t < op.inputs.size(); ++t) in.push_back(op.inputs[t].name == "H" ? hessian(p, theta, samples) : states.at(op.inputs[t].name));
    for (const Tensor<Real>& t : in) {
      plain.emplace_back(t.shape);
      for (std::size_t i = 0; i < t.values.size(); ++i) plain.back().values[i] = static_cast<double>(t.values[i]);
    }
    if (attributes.values.contains("t")) attributes.values["t"] = std::int64_t{step};
    try {
      if (op.refuse) op.refuse(plain, attributes);
    } catch (const Refused& refused) {
      throw Refused("step " + std::to_string(step) + " on " + p.name + ": " + refused.what());
    }
    const Tensors<Real> out = op.real(in, attributes);
    theta = out[0].values;
    for (std::size_t j = 1; j < out.size(); ++j) states[op.outputs[j]] = out[j];
    path.push_back(measured(p, theta));
    for (const Real& v : theta)
      if (!(v - v == 0)) throw Refused("step " + std::to_string(step) + " on " + p.name + ": theta is no longer finite; a smaller eta may help");
  }
  return path;
}

}  // namespace karat
