// SPDX-License-Identifier: MIT
#include "kernels/arguments.hpp"

#include <limits>

#include "kernels/call.hpp"

namespace karat::kernels {

Shape shape_of(const karat_tensor& tensor) {
  return tensor.rank == 0 ? Shape{} : Shape(tensor.shape, tensor.shape + tensor.rank);
}

std::int64_t count_of(const karat_tensor& tensor) {
  std::int64_t count = 1;
  for (std::int32_t d = 0; d < tensor.rank; ++d) {
    const std::int64_t extent = tensor.shape[d];
    require(extent >= 0, "a negative extent");
    require(extent == 0 || count <= std::numeric_limits<std::int64_t>::max() / 8 / extent, "more elements than an address space");
    count *= extent;
  }
  return count;
}

bool is_dense(const karat_tensor& tensor) {
  std::int64_t step = 1;
  for (std::int32_t d = tensor.rank - 1; d >= 0; --d) {
    if (tensor.shape[d] == 0) return true;
    if (tensor.shape[d] != 1 && tensor.strides[d] != step) return false;
    step *= tensor.shape[d];
  }
  return true;
}

const karat_tensor& Arguments::tensor(const char* name) const {
  for (std::int32_t i = 0; i < call_->tensor_count; ++i)
    if (call_->tensors[i]->name != nullptr && std::string_view(call_->tensors[i]->name) == name) return *call_->tensors[i];
  throw Refusal{"a tensor of the operator is missing"};
}

const karat_tensor& Arguments::tensor(const char* name, std::int32_t role, std::int32_t dtype) const {
  const karat_tensor& t = tensor(name);
  require(t.role == role, "a tensor's role is not the operator's");
  require(t.dtype == dtype, "a tensor's dtype is not the kernel's");
  require(t.rank >= 0 && t.rank <= kMaxRank, "rank above 32");
  count_of(t);
  for (std::int32_t d = 0; d < t.rank; ++d) require(t.strides[d] >= 1, "a stride below 1");
  if (role != KARAT_INPUT) require(free_of_overlap(t), "the output's strides may map two indices to one element");
  return t;
}

const karat_attribute& Arguments::attribute(const char* name) const {
  for (std::int32_t i = 0; i < call_->attribute_count; ++i)
    if (call_->attributes[i]->name != nullptr && std::string_view(call_->attributes[i]->name) == name) return *call_->attributes[i];
  throw Refusal{"an attribute of the operator is missing"};
}

double Arguments::number(const char* name) const {
  const karat_attribute& a = attribute(name);
  require(a.kind == KARAT_NUMBER || a.kind == KARAT_INTEGER, "an attribute is neither a number nor an integer");
  return a.kind == KARAT_NUMBER ? a.number : static_cast<double>(a.integer);
}

std::int64_t Arguments::integer(const char* name) const {
  const karat_attribute& a = attribute(name);
  require(a.kind == KARAT_INTEGER, "an attribute is no integer");
  return a.integer;
}

bool Arguments::is(const char* name, std::string_view text) const {
  const karat_attribute& a = attribute(name);
  require(a.kind == KARAT_TEXT && a.text != nullptr, "an attribute is no text");
  return a.text == text;
}

std::span<const std::int64_t> Arguments::list(const char* name) const {
  const karat_attribute& a = attribute(name);
  require(a.kind == KARAT_LIST && a.list_length >= 0, "an attribute is no list");
  return {a.list, static_cast<std::size_t>(a.list_length)};
}

}  // namespace karat::kernels
