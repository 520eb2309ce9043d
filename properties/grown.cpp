// SPDX-License-Identifier: MIT
#include "properties/grown.hpp"

#include <algorithm>

#include "properties/extents.hpp"

namespace karat::properties {
namespace {

constexpr std::int64_t lengths[] = {1103, 523, 257, 131, 67, 37, 19};
constexpr std::int64_t longest_matrix = 19;  // what is done with a matrix grows with the third power
constexpr std::int64_t most_elements = 1 << 15;  // of all tensors of a call

Attributes attributes_of(const Operator& op, const Example& example) {
  Attributes a = standard_attributes(op);
  for (const auto& [name, value] : example.attributes) a.values[name] = value;
  return a;
}

bool small_enough(const Operator& op, const Shapes& inputs, const Attributes& attributes) {
  std::int64_t elements = 0;
  for (const Shape& shape : inputs) elements += element_count(shape);
  for (const Shape& shape : op.output_shapes(inputs, attributes)) elements += element_count(shape);
  return elements <= most_elements;
}

// Whether a tensor is a matrix over this one extent.
bool is_matrix(const Extents::Group& group, std::size_t input) {
  return std::count_if(group.places.begin(), group.places.end(), [&](const Extents::Place& p) { return p.input == input; }) > 1;
}
bool has_matrix(const Extents& extents, const Extents::Group& group) {
  for (std::size_t t = 0; t < extents.inputs().size(); ++t)
    if (is_matrix(group, t)) return true;
  return false;
}

// A matrix over one extent (a Hessian) stays positive definite: blocks of what is given, weak ones off the diagonal.
void grow_matrices(const Extents& extents, const Example& from, Example& larger) {
  for (const Extents::Group& group : extents.groups())
    for (std::size_t t = 0; t < from.shapes.size(); ++t) {
      const auto given = larger.values.find(extents.op().inputs[t].name);
      if (!is_matrix(group, t) || from.shapes[t].size() != 2 || given == larger.values.end()) continue;
      const std::int64_t n = from.shapes[t][0], many = larger.shapes[t][0];
      std::vector<double> all;
      for (std::int64_t i = 0; i < many; ++i)
        for (std::int64_t j = 0; j < many; ++j) {
          const std::size_t place = static_cast<std::size_t>(i % n * n + j % n) % given->second.size();
          all.push_back(given->second[place] * (i / n == j / n ? 1 : 0x1p-8));
        }
      given->second = std::move(all);
    }
}

}  // namespace

std::vector<Example> grown_examples(const Operator& op) {
  std::vector<Example> grown;
  if (op.independence != Independence::whole) return grown;
  bool first = true;
  for (const Example& example : op.examples) {
    if (std::all_of(example.shapes.begin(), example.shapes.end(), [](const Shape& shape) { return element_count(shape) == 0; })) continue;
    const Attributes attributes = attributes_of(op, example);
    const Extents extents(op, example.shapes, attributes);
    const std::vector<std::int64_t> now = extents.values();
    const auto add = [&](const std::vector<std::int64_t>& values) {
      const auto shapes = extents.with(values);
      if (!shapes || !small_enough(op, *shapes, attributes)) return false;
      Example larger = example;
      larger.shapes = *shapes;
      grow_matrices(extents, example, larger);
      grown.push_back(std::move(larger));
      return true;
    };
    for (std::size_t g = 0; first && g < now.size(); ++g) {
      std::vector<std::int64_t> values = now;
      const bool matrix = has_matrix(extents, extents.groups()[g]);
      for (const std::int64_t length : lengths) {
        if (matrix && length > longest_matrix) continue;
        values[g] = length;
        if (length > now[g] && add(values)) break;
        values[g] = length / now[g] * now[g];  // what pools and groups divide has to stay a multiple
        if (length >= 2 * now[g] && add(values)) break;
      }
    }
    for (const auto& larger : {+[](std::int64_t n) { return 3 * n + 1; }, +[](std::int64_t n) { return 3 * n; }, +[](std::int64_t n) { return 2 * n; }}) {
      std::vector<std::int64_t> values = now;
      std::transform(now.begin(), now.end(), values.begin(), larger);
      if (!now.empty() && add(values)) break;
    }
    first = false;
  }
  return grown;
}

}  // namespace karat::properties
