// SPDX-License-Identifier: MIT
#include "kernels/call.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>

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

// True if no two indices can name the same element: taken by rising stride, each dimension
// steps over everything that the smaller ones reach.
bool free_of_overlap(const karat_tensor& tensor) {
  std::array<std::int32_t, kMaxRank> order{};
  std::int32_t used = 0;
  for (std::int32_t d = 0; d < tensor.rank; ++d) {
    if (tensor.shape[d] == 0) return true;
    if (tensor.shape[d] > 1) order[used++] = d;
  }
  std::sort(order.begin(), order.begin() + used,
            [&](std::int32_t a, std::int32_t b) { return tensor.strides[a] < tensor.strides[b]; });
  std::int64_t reach = 0;  // the furthest offset so far
  for (std::int32_t i = 0; i < used; ++i) {
    const std::int64_t stride = tensor.strides[order[i]];
    if (stride <= reach) return false;
    reach += stride * (tensor.shape[order[i]] - 1);
  }
  return true;
}

template <class T>
void gather_as(const void* from, std::int64_t step, std::size_t n, void* to) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  for (std::size_t i = 0; i < n; ++i) target[i] = source[static_cast<std::int64_t>(i) * step];
}

template <class T>
void scatter_as(const void* from, std::size_t n, void* to, std::int64_t step) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  for (std::size_t i = 0; i < n; ++i) target[static_cast<std::int64_t>(i) * step] = source[i];
}

}  // namespace

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

Layout layout_of(const karat_call& call, int without) {
  Layout layout;
  layout.tensors = call.tensor_count;
  const karat_tensor& first = *call.tensors[0];
  for (std::int32_t d = 0; d < first.rank; ++d) {
    if (d == without) continue;
    const std::int64_t extent = first.shape[d];
    layout.count *= extent;
    if (extent == 1) continue;
    bool merges = layout.rank > 0;
    for (int t = 0; t < layout.tensors; ++t) {
      merges = merges && layout.stride[t][layout.rank - 1] == call.tensors[t]->strides[d] * extent;
    }
    if (!merges) ++layout.rank;
    const int here = layout.rank - 1;
    layout.extent[here] = merges ? layout.extent[here] * extent : extent;
    for (int t = 0; t < layout.tensors; ++t) layout.stride[t][here] = call.tensors[t]->strides[d];
  }
  if (layout.rank == 0) {
    layout.rank = 1;
    layout.extent[0] = 1;
    for (int t = 0; t < layout.tensors; ++t) layout.stride[t][0] = 1;
  }
  return layout;
}

Cursor::Cursor(const Layout& layout, int tensor, std::int64_t position) : layout_(layout), tensor_(tensor) {
  for (int d = layout.rank - 1; d >= 0; --d) {
    index_[d] = position % layout.extent[d];
    position /= layout.extent[d];
    offset_ += index_[d] * layout.stride[tensor][d];
  }
}

void Cursor::advance(std::int64_t n) {
  int d = layout_.rank - 1;
  index_[d] += n;
  offset_ += n * layout_.stride[tensor_][d];
  while (d > 0 && index_[d] == layout_.extent[d]) {
    offset_ -= index_[d] * layout_.stride[tensor_][d];
    index_[d] = 0;
    --d;
    ++index_[d];
    offset_ += layout_.stride[tensor_][d];
  }
}

void gather(const void* from, std::int64_t step, std::size_t n, std::size_t size, void* to) {
  if (step == 1) {
    std::memcpy(to, from, n * size);
  } else if (size == 8) {
    gather_as<std::uint64_t>(from, step, n, to);
  } else if (size == 4) {
    gather_as<std::uint32_t>(from, step, n, to);
  } else {
    gather_as<std::uint16_t>(from, step, n, to);
  }
}

void scatter(const void* from, std::size_t n, std::size_t size, void* to, std::int64_t step) {
  if (step == 1) {
    std::memcpy(to, from, n * size);
  } else if (size == 8) {
    scatter_as<std::uint64_t>(from, n, to, step);
  } else if (size == 4) {
    scatter_as<std::uint32_t>(from, n, to, step);
  } else {
    scatter_as<std::uint16_t>(from, n, to, step);
  }
}

}  // namespace karat::kernels
