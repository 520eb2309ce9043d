// SPDX-License-Identifier: MIT
// Sliding windows: a shifted image gives a shifted result; padding is a border of zeros.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

using List = std::vector<std::int64_t>;

// x: (N, C, H, W) inside of zeros, top, left, bottom, right.
Tensor<Bits> bordered(const Tensor<Bits>& x, const List& border) {
  Tensor<Bits> y(Shape{x.shape[0], x.shape[1], x.shape[2] + border[0] + border[2], x.shape[3] + border[1] + border[3]});
  std::size_t from = 0;
  for (std::int64_t plane = 0; plane < x.shape[0] * x.shape[1]; ++plane)
    for (std::int64_t h = 0; h < x.shape[2]; ++h)
      for (std::int64_t w = 0; w < x.shape[3]; ++w)
        y.values[static_cast<std::size_t>((plane * y.shape[2] + h + border[0]) * y.shape[3] + w + border[1])] = x.values[from++];
  return y;
}

std::optional<std::size_t> image(const Question& q) {
  const auto x = input_named(*q.op, "x");
  const auto padding = q.attributes.values.find("padding");
  if (!x || q.inputs[*x].shape.size() != 4 || padding == q.attributes.values.end()) return std::nullopt;
  const auto* sides = std::get_if<List>(&padding->second);
  return sides && sides->size() == 4 ? x : std::nullopt;
}

std::optional<Related> padding(const Question& q, const std::string&) {
  const auto x = image(q);
  if (!x) return std::nullopt;
  Related related{{q, q}, {}};
  Question& explicit_ = related.calls[1];
  explicit_.inputs[*x] = bordered(q.inputs[*x], q.attributes.list("padding"));
  explicit_.attributes.values["padding"] = List{0, 0, 0, 0};
  if (invalid(explicit_) || explicit_.output_shapes() != q.output_shapes()) return std::nullopt;
  related.relations = all_equal(q.output_count());
  return related;
}

// With stride 1 and no padding: one column of zeros on the left moves the result to the right.
std::optional<Related> translation(const Question& q, const std::string&) {
  const auto x = image(q);
  if (!x) return std::nullopt;
  Related related{{q}, {}};
  Question& base = related.calls[0];
  base.attributes.values["padding"] = List{0, 0, 0, 0};
  base.attributes.values["stride"] = List{1, 1};
  if (invalid(base)) return std::nullopt;
  Question moved = base;
  moved.inputs[*x] = bordered(base.inputs[*x], {1, 1, 0, 0});
  if (invalid(moved)) return std::nullopt;
  const Shape from = base.output_shapes()[0], to = moved.output_shapes()[0];
  related.calls.push_back(std::move(moved));
  if (to[2] != from[2] + 1 || to[3] != from[3] + 1) return std::nullopt;
  std::size_t i = 0;
  for (std::int64_t plane = 0; plane < from[0] * from[1]; ++plane)
    for (std::int64_t h = 0; h < from[2]; ++h)
      for (std::int64_t w = 0; w < from[3]; ++w) related.relations.push_back(equal(i++, static_cast<std::size_t>((plane * to[2] + h + 1) * to[3] + w + 1)));
  return related;
}

const LawRow zeros{{.name = "padding_is_zeros", .sentence = "padding is a border of zeros", .relate = padding}};
const LawRow shift{{.name = "translation_equivariant", .sentence = "a shifted image gives a shifted result", .relate = translation}};

}  // namespace
}  // namespace karat::properties
