// SPDX-License-Identifier: MIT
// Dense tensors of any number type, and the attributes of a call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

namespace karat {

using Shape = std::vector<std::int64_t>;
using Shapes = std::vector<Shape>;

// A call that has no answer.  The text says what, where, expected, got.
struct Refused : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string to_text(const Shape& shape);  // "(2, 3)"

// Product of the extents; 1 for rank 0.
std::int64_t element_count(const Shape& shape);
// Strides, in elements, of a dense row-major tensor.
std::vector<std::int64_t> dense_strides(const Shape& shape);

template <class T>
struct Tensor {
  Shape shape;
  std::vector<T> values;  // row-major

  Tensor() = default;
  explicit Tensor(Shape s) : shape(std::move(s)), values(static_cast<std::size_t>(element_count(shape))) {}
  Tensor(Shape s, std::vector<T> v) : shape(std::move(s)), values(std::move(v)) {}
};

template <class T>
using Tensors = std::vector<Tensor<T>>;

// Attributes by name.  Numbers are exact in the compute type.
struct Attributes {
  using Value = std::variant<double, std::int64_t, std::string, std::vector<std::int64_t>>;
  std::map<std::string, Value> values;

  double number(const std::string& name) const { return std::get<double>(values.at(name)); }
  std::int64_t integer(const std::string& name) const { return std::get<std::int64_t>(values.at(name)); }
  const std::string& text(const std::string& name) const { return std::get<std::string>(values.at(name)); }
  const std::vector<std::int64_t>& list(const std::string& name) const {
    return std::get<std::vector<std::int64_t>>(values.at(name));
  }
  bool operator==(const Attributes&) const = default;
};

// The slices of a tensor along one axis: element k of slice s lies at `at(s, k)`.
struct Slices {
  std::int64_t count = 0, length = 0, inner = 1;
  Slices(const Shape& shape, std::int64_t axis);
  std::size_t at(std::int64_t slice, std::int64_t k) const {
    return static_cast<std::size_t>((slice / inner * length + k) * inner + slice % inner);
  }
};

}  // namespace karat
