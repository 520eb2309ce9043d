// SPDX-License-Identifier: MIT
// For tests of formulas: evaluates an operator as users call it.
#pragma once

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "reference/operator.hpp"

namespace karat::testing {

inline Tensor<Real> tensor(Shape shape, std::initializer_list<double> values) {
  std::vector<Real> v;
  for (const double d : values) v.emplace_back(d);
  return {std::move(shape), std::move(v)};
}
inline Tensor<Real> tensor(Shape shape, const std::vector<double>& values) {
  std::vector<Real> v;
  for (const double d : values) v.emplace_back(d);
  return {std::move(shape), std::move(v)};
}
inline Tensor<Real> scalar(double value) { return tensor({}, {value}); }

using Named = std::vector<std::pair<std::string, Attributes::Value>>;

// Standard attributes but those named.  Checks shapes as users' calls are checked; throws Refused.
inline Tensors<Real> evaluate(const std::string& name, const Tensors<Real>& inputs, const Named& attributes = {}) {
  const Operator* op = find_operator(name);
  if (!op) throw std::logic_error("no operator " + name);
  Attributes a = standard_attributes(*op);
  for (const auto& [key, value] : attributes) {
    if (!a.values.contains(key)) throw std::logic_error("no attribute " + key + " of " + name);
    a.values[key] = value;
  }
  Shapes shapes;
  Tensors<double> plain;
  for (const auto& t : inputs) {
    shapes.push_back(t.shape);
    Tensor<double> d(t.shape);
    for (std::size_t i = 0; i < t.values.size(); ++i) d.values[i] = static_cast<double>(t.values[i]);
    plain.push_back(std::move(d));
  }
  const Shapes expected = op->output_shapes(shapes, a);
  if (op->refuse) op->refuse(plain, a);
  Tensors<Real> y = op->real(inputs, a);
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i].shape != expected[i]) throw std::logic_error(name + ": output of another shape than `shapes` says");
  return y;
}

// Values of one output as doubles, for comparisons with numbers a double holds.
inline std::vector<double> doubles(const Tensor<Real>& t) {
  std::vector<double> v;
  for (const Real& r : t.values) v.push_back(static_cast<double>(r));
  return v;
}

}  // namespace karat::testing
