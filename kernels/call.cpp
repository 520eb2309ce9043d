// SPDX-License-Identifier: MIT
#include "kernels/call.hpp"

#include <algorithm>
#include <cstring>

namespace karat::kernels {
namespace {

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

// Taken by rising stride, each dimension steps over everything that the smaller ones reach.
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

Layout layout_of(std::span<const karat_tensor* const> tensors, int without) {
  Layout layout;
  layout.tensors = static_cast<int>(tensors.size());
  const karat_tensor& first = *tensors[0];
  for (std::int32_t d = 0; d < first.rank; ++d) {
    if (d == without) continue;
    const std::int64_t extent = first.shape[d];
    layout.count *= extent;
    if (extent == 1) continue;
    bool merges = layout.rank > 0;
    for (int t = 0; t < layout.tensors; ++t) {
      merges = merges && layout.stride[t][layout.rank - 1] == tensors[static_cast<std::size_t>(t)]->strides[d] * extent;
    }
    if (!merges) ++layout.rank;
    const int here = layout.rank - 1;
    layout.extent[here] = merges ? layout.extent[here] * extent : extent;
    for (int t = 0; t < layout.tensors; ++t) layout.stride[t][here] = tensors[static_cast<std::size_t>(t)]->strides[d];
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
