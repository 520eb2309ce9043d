// SPDX-License-Identifier: MIT
#include "kernels/uniform.hpp"

#include <limits>
#include <string_view>

#include "kernels/call.hpp"

namespace karat::kernels {
namespace {

const karat_attribute* find_attribute(const karat_call& call, std::string_view name) {
  for (std::int32_t i = 0; i < call.attribute_count; ++i)
    if (call.attributes[i]->name != nullptr && call.attributes[i]->name == name) return call.attributes[i];
  return nullptr;
}

const char* read_attributes(const Description& about, const karat_call& call, Call& parsed) {
  for (int i = 0; i < kMaxAttributes; ++i) {
    if (about.attributes[i] == nullptr) continue;
    const karat_attribute* attribute = find_attribute(call, about.attributes[i]);
    if (attribute == nullptr) return "an attribute of the operator is missing";
    if (attribute->kind == KARAT_NUMBER)
      parsed.attributes[i] = attribute->number;
    else if (attribute->kind == KARAT_INTEGER)
      parsed.attributes[i] = static_cast<double>(attribute->integer);
    else
      return "an attribute is neither a number nor an integer";
  }
  return nullptr;
}

const char* check_tensor(const karat_tensor& tensor, const karat_tensor& first, std::int32_t role,
                         std::int32_t dtype) {
  if (tensor.role != role) return "a tensor's role is not the operator's";
  if (tensor.dtype != dtype) return "a tensor's dtype is not the kernel's";
  if (tensor.rank < 0 || tensor.rank > kMaxRank) return "rank above 32";
  if (tensor.rank != first.rank) return "the tensors differ in rank";
  std::int64_t elements = 1;
  for (std::int32_t d = 0; d < tensor.rank; ++d) {
    if (tensor.shape[d] < 0) return "a negative extent";
    if (tensor.shape[d] != first.shape[d]) return "the tensors differ in shape";
    if (tensor.strides[d] < 1) return "a stride below 1";
    if (tensor.shape[d] != 0 && elements > std::numeric_limits<std::int64_t>::max() / 8 / tensor.shape[d])
      return "more elements than an address space";
    elements *= tensor.shape[d];
  }
  return nullptr;
}

// Fills `parsed` from the call, or says why it cannot be computed (a static text).
const char* read_call(const Description& about, std::int32_t dtype, const karat_call& call, Call& parsed) {
  if (call.tensor_count != about.inputs + 1) return "the number of tensors is not the operator's";
  const karat_tensor& first = *call.tensors[0];
  for (int t = 0; t <= about.inputs; ++t) {
    const std::int32_t role = t < about.inputs ? KARAT_INPUT : KARAT_OUTPUT;
    if (const char* why = check_tensor(*call.tensors[t], first, role, dtype)) return why;
  }
  if (!free_of_overlap(*call.tensors[about.inputs]))
    return "the output's strides may map two indices to one element";
  parsed.call = &call;
  parsed.dtype = dtype;
  if (const char* why = read_attributes(about, call, parsed)) return why;
  return about.declines == nullptr ? nullptr : about.declines(parsed.attributes.data(), first.rank);
}

}  // namespace

const char* Uniform::declines(std::int32_t dtype, const karat_call& call) const {
  Call parsed{};
  return read_call(description_, dtype, call, parsed);
}

void Uniform::run(std::int32_t dtype, const karat_call& call) const {
  Call parsed{};
  if (const char* why = read_call(description_, dtype, call, parsed)) throw Refusal{why};
  run(parsed);
}

}  // namespace karat::kernels
