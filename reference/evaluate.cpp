// SPDX-License-Identifier: MIT
#include "reference/evaluate.hpp"

#include <stdexcept>

namespace karat {

Tensor<Real> tensor(Shape shape, const std::vector<double>& values) {
  if (element_count(shape) != static_cast<std::int64_t>(values.size()))
    throw std::invalid_argument("tensor of shape " + to_text(shape) + ": got " + std::to_string(values.size()) + " values");
  Tensor<Real> t;
  t.shape = std::move(shape);
  for (const double d : values) t.values.emplace_back(d);
  return t;
}

Tensor<Real> scalar(double value) { return tensor({}, {value}); }

Tensors<Real> call(const std::string& name, const Tensors<Real>& inputs, const Named& attributes) {
  const Operator* op = find_operator(name);
  if (!op) throw std::invalid_argument("no operator " + name);
  Attributes a = standard_attributes(*op);
  for (const auto& [key, value] : attributes) {
    if (!a.values.contains(key)) throw std::invalid_argument("no attribute " + key + " of " + name);
    a.values[key] = value;
  }
  if (inputs.size() != op->inputs.size())
    throw std::invalid_argument(name + " takes " + std::to_string(op->inputs.size()) + " inputs, got " + std::to_string(inputs.size()));
  Shapes shapes;
  Tensors<double> plain;
  for (const auto& t : inputs) {
    shapes.push_back(t.shape);
    plain.emplace_back(t.shape, doubles(t));
  }
  const Shapes expected = op->output_shapes(shapes, a);
  if (op->refuse) op->refuse(plain, a);
  Tensors<Real> y = op->real(inputs, a);
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i].shape != expected[i]) throw std::logic_error(name + ": output of another shape than `shapes` says");
  return y;
}

std::vector<double> doubles(const Tensor<Real>& t) {
  std::vector<double> v;
  for (const Real& r : t.values) v.push_back(static_cast<double>(r));
  return v;
}

}  // namespace karat
