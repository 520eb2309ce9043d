// SPDX-License-Identifier: MIT
#include "reference/tensor.hpp"

namespace karat {

std::int64_t element_count(const Shape& shape) {
  std::int64_t n = 1;
  for (const std::int64_t extent : shape) n *= extent;
  return n;
}

std::string to_text(const Shape& shape) {
  std::string text = "(";
  for (std::size_t d = 0; d < shape.size(); ++d) text += (d == 0 ? "" : ", ") + std::to_string(shape[d]);
  return text + ")";
}

std::vector<std::int64_t> dense_strides(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * (shape[d] > 0 ? shape[d] : 1);
  return strides;
}

Slices::Slices(const Shape& shape, std::int64_t axis) {
  const auto a = static_cast<std::size_t>(axis);
  length = shape[a];
  for (std::size_t d = a + 1; d < shape.size(); ++d) inner *= shape[d];
  count = inner;
  for (std::size_t d = 0; d < a; ++d) count *= shape[d];
}

}  // namespace karat
