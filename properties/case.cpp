// SPDX-License-Identifier: MIT
#include "properties/case.hpp"

#include <algorithm>

#include "plugins/karat_plugin.h"

namespace karat::properties {

static_assert(static_cast<int>(Dtype::f64) == KARAT_F64 && static_cast<int>(Dtype::f32) == KARAT_F32 &&
              static_cast<int>(Dtype::f16) == KARAT_F16 && static_cast<int>(Dtype::bf16) == KARAT_BF16);

std::vector<std::int64_t> strides_of(const Shape& shape, const Layout& layout, bool output) {
  std::vector<std::int64_t> strides;
  if (layout.column_major) {
    std::int64_t step = 1;
    for (const std::int64_t extent : shape) {
      strides.push_back(step);
      step *= extent > 0 ? extent : 1;
    }
  } else {
    strides = dense_strides(shape);
  }
  for (std::int64_t& s : strides) s *= output ? layout.output_gap : layout.input_gap;
  return strides;
}

std::vector<std::size_t> storage_indices(const Shape& shape, const std::vector<std::int64_t>& strides) {
  std::vector<std::size_t> indices;
  const std::int64_t count = element_count(shape);
  indices.reserve(static_cast<std::size_t>(count));
  Shape position(shape.size(), 0);
  std::int64_t at = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    indices.push_back(static_cast<std::size_t>(at));
    for (std::size_t d = shape.size(); d-- > 0;) {
      at += strides[d];
      if (++position[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      position[d] = 0;
    }
  }
  return indices;
}

std::size_t output_tensor(const Operator& op, std::size_t output) {
  std::size_t tensor = op.inputs.size();
  for (std::size_t j = 0; j <= output; ++j) {
    const auto same = std::find_if(op.inputs.begin(), op.inputs.end(),
                                   [&](const InputRow& row) { return row.name == op.outputs[j]; });
    const bool updated = same != op.inputs.end();
    if (j == output) return updated ? static_cast<std::size_t>(same - op.inputs.begin()) : tensor;
    if (!updated) ++tensor;
  }
  return tensor;
}

std::optional<std::size_t> place_of_output(const Question& question, const Layout& layout, std::size_t output) {
  const Operator& op = *question.op;
  if (!layout.in_place || output_tensor(op, output) < op.inputs.size()) return std::nullopt;
  if (op.independence != Independence::whole) return op.inputs.size() - 1;
  const Shapes shapes = question.output_shapes();
  std::vector<bool> taken(op.inputs.size(), false);
  for (std::size_t j = 0; j <= output; ++j) {
    if (output_tensor(op, j) < op.inputs.size()) continue;
    std::optional<std::size_t> place;
    for (std::size_t t = 0; t < op.inputs.size(); ++t) {
      const bool updated = std::find(op.outputs.begin(), op.outputs.end(), op.inputs[t].name) != op.outputs.end();
      if (!taken[t] && !updated && !op.inputs[t].index && question.inputs[t].shape == shapes[j]) place = t;
    }
    if (j == output) return place;
    if (place) taken[*place] = true;
  }
  return std::nullopt;
}

host::CallSpec call_spec(const Case& c, int kernel) {
  host::CallSpec spec;
  spec.kernel = kernel;
  spec.threads = c.layout.threads;
  const auto dtype = static_cast<std::int32_t>(c.question.format->dtype);
  const Operator& op = *c.question.op;
  for (std::size_t t = 0; t < op.inputs.size(); ++t) {
    const InputRow& row = op.inputs[t];
    const bool updated = std::find(op.outputs.begin(), op.outputs.end(), row.name) != op.outputs.end();
    const Shape& shape = c.question.inputs[t].shape;
    host::Placement placement = c.layout.placement;
    if (row.index) placement.offset -= placement.offset % sizeof(std::int64_t);  // its elements are wider
    spec.tensors.push_back({row.name, updated ? KARAT_INOUT : KARAT_INPUT, row.index ? KARAT_I64 : dtype, shape,
                            strides_of(shape, c.layout, false), placement});
    spec.in_place.push_back(-1);
  }
  const Shapes shapes = c.question.output_shapes();
  for (std::size_t j = 0; j < op.outputs.size(); ++j) {
    if (output_tensor(op, j) < op.inputs.size()) continue;
    const auto place = place_of_output(c.question, c.layout, j);
    spec.tensors.push_back({op.outputs[j], KARAT_OUTPUT, dtype, shapes[j], strides_of(shapes[j], c.layout, !place), c.layout.placement});
    spec.in_place.push_back(place ? static_cast<int>(*place) : -1);
  }
  for (const AttributeRow& row : op.attributes) {
    host::AttributeSpec a;
    a.name = row.name;
    switch (row.kind) {
      case AttributeRow::Kind::integer:
        a.kind = KARAT_INTEGER;
        a.integer = c.question.attributes.integer(row.name);
        break;
      case AttributeRow::Kind::number:
        a.kind = KARAT_NUMBER;
        a.number = c.question.attributes.number(row.name);
        break;
      case AttributeRow::Kind::text:
        a.kind = KARAT_TEXT;
        a.text = c.question.attributes.text(row.name);
        break;
      case AttributeRow::Kind::list:
        a.kind = KARAT_LIST;
        a.list = c.question.attributes.list(row.name);
        break;
    }
    spec.attributes.push_back(a);
  }
  return spec;
}

}  // namespace karat::properties
