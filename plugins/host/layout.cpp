// SPDX-License-Identifier: MIT
#include "plugins/host/layout.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "plugins/karat_plugin.h"
#include "plugins/worker/wire.hpp"

namespace karat::host {
namespace {

constexpr int kNanByte = 0xff;  // repeated, NaN in every format, at every alignment
constexpr std::size_t kMostOverRead = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument("prepare: " + what); }

std::size_t add(std::size_t a, std::size_t b) {
  std::size_t sum;
  if (__builtin_add_overflow(a, b, &sum) || sum > SIZE_MAX / 4) refuse("the call's tensors are too large");
  return sum;
}

std::size_t multiply(std::size_t a, std::size_t b) {
  std::size_t product;
  if (__builtin_mul_overflow(a, b, &product)) refuse("the call's tensors are too large");
  return product;
}

std::size_t round_up(std::size_t value, std::size_t unit) { return add(value, unit - 1) / unit * unit; }

void check(const TensorSpec& tensor) {
  const std::string who = "tensor '" + tensor.name + "' ";
  if (tensor.role != KARAT_INPUT && tensor.role != KARAT_OUTPUT && tensor.role != KARAT_INOUT)
    refuse(who + "has role " + std::to_string(tensor.role));
  if (element_size(tensor.dtype) == 0) refuse(who + "has unknown dtype " + std::to_string(tensor.dtype));
  if (tensor.shape.size() != tensor.strides.size())
    refuse(who + "has " + std::to_string(tensor.shape.size()) + " extents and " +
           std::to_string(tensor.strides.size()) + " strides");
  for (const auto extent : tensor.shape)
    if (extent < 0) refuse(who + "has an extent of " + std::to_string(extent));
  for (const auto stride : tensor.strides)
    if (stride < 1) refuse(who + "has a stride of " + std::to_string(stride) + ", expected 1 or more");
}

// Elements from the first to the last one in memory, both included.
std::size_t span_elements(const TensorSpec& tensor) {
  std::size_t last = 0;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] == 0) return 0;
    last = add(last, multiply(static_cast<std::size_t>(tensor.shape[d] - 1),
                              static_cast<std::size_t>(tensor.strides[d])));
  }
  return add(last, 1);
}

std::vector<Range> find_gaps(const TensorSpec& tensor, std::size_t elements, std::size_t element_bytes) {
  std::size_t count = 1;
  for (const auto extent : tensor.shape) count = multiply(count, static_cast<std::size_t>(extent));
  if (count == elements || elements == 0) return {};
  std::vector<bool> used(elements, false);
  std::vector<std::int64_t> index(tensor.shape.size(), 0);
  std::size_t at = 0;
  for (std::size_t n = 0; n < count; ++n) {
    used[at] = true;
    for (std::size_t d = index.size(); d-- > 0;) {
      at += static_cast<std::size_t>(tensor.strides[d]);
      if (++index[d] < tensor.shape[d]) break;
      at -= static_cast<std::size_t>(tensor.shape[d]) * static_cast<std::size_t>(tensor.strides[d]);
      index[d] = 0;
    }
  }
  std::vector<Range> gaps;
  for (std::size_t i = 0; i < elements;) {
    if (used[i]) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    while (!used[i]) ++i;  // the last element is used
    gaps.push_back({begin * element_bytes, (i - begin) * element_bytes});
  }
  return gaps;
}

// What the row may read past an end, in whole steps of its alignment: the readable bytes must
// not move the data off the address that the placement asked for.
std::size_t over_read(const KernelRow& row, std::size_t element_bytes) {
  if (row.over_read <= 0) return 0;
  const auto alignment = static_cast<std::size_t>(std::max(row.min_alignment, 1));
  const std::size_t step = std::max(
      element_bytes, std::has_single_bit(alignment) ? std::min(alignment, page_size()) : std::size_t{1});
  return round_up(std::min(static_cast<std::size_t>(row.over_read), kMostOverRead), step);
}

std::string count_of(std::size_t bytes, const char* where) {
  return std::to_string(bytes) + (bytes == 1 ? " byte " : " bytes ") + where;
}

}  // namespace

std::size_t element_size(std::int32_t dtype) {
  switch (dtype) {
    case KARAT_F64:
    case KARAT_I64:
      return 8;
    case KARAT_F32:
    case KARAT_I32:
      return 4;
    case KARAT_F16:
    case KARAT_BF16:
      return 2;
    default:
      return 0;
  }
}

Layout::Layout(const CallSpec& call, const KernelRow& row, SharedFile& inputs, SharedFile& outputs)
    : call_(call), inputs_(inputs), outputs_(outputs) {
  const std::size_t count = call_.tensors.size();
  if (count > static_cast<std::size_t>(wire::kMaxTensors))
    refuse(std::to_string(count) + " tensors, expected at most " + std::to_string(wire::kMaxTensors));
  if (call_.threads < 1) refuse("threads is " + std::to_string(call_.threads) + ", expected 1 or more");
  for (const auto& tensor : call_.tensors) check(tensor);
  regions_.resize(count);
  shared_.resize(count);
  apart_.resize(count);
  hashes_.resize(count);
  for (std::size_t i = 0; i < call_.in_place.size(); ++i) {
    const int input = call_.in_place[i];
    if (input < 0) continue;
    const auto from = static_cast<std::size_t>(input);
    if (i >= count || from >= count) refuse("in_place names a tensor that the call does not have");
    const TensorSpec &in = call_.tensors[from], &out = call_.tensors[i];
    if (in.role != KARAT_INPUT || out.role != KARAT_OUTPUT || shared_[from] || in.shape != out.shape ||
        in.strides != out.strides || element_size(in.dtype) != element_size(out.dtype))
      refuse("output '" + out.name + "' cannot share the storage of '" + in.name +
             "': that takes one input and one output of the same shape, strides and element size");
    regions_[i].shares = input;
    shared_[from] = true;
  }

  std::size_t in_bytes = 0, out_bytes = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (regions_[i].shares < 0) place(i, row, in_bytes, out_bytes);
  for (Region& region : regions_)
    if (const int shares = region.shares; shares >= 0) {
      region = regions_[static_cast<std::size_t>(shares)];
      region.shares = shares;
    }
  inputs_.grow(in_bytes);
  outputs_.grow(out_bytes);
  total_bytes_ = in_bytes + out_bytes;

  for (std::size_t i = 0; i < count; ++i) {
    if (shared_[i]) apart_[i].assign(regions_[i].data_bytes, std::byte{kNanByte});
    if (call_.tensors[i].role == KARAT_INOUT) in_outs_.push_back({i, {}, 0, false});
    // Never what an earlier call left there.
    if (regions_[i].shares < 0) std::memset(pages(regions_[i]), kNanByte, regions_[i].bytes);
  }
}

void Layout::place(std::size_t index, const KernelRow& row, std::size_t& in_bytes, std::size_t& out_bytes) {
  const TensorSpec& tensor = call_.tensors[index];
  Region& region = regions_[index];
  const std::size_t elements = span_elements(tensor);
  region.element_bytes = element_size(tensor.dtype);
  region.data_bytes = multiply(elements, region.element_bytes);
  region.gaps = find_gaps(tensor, elements, region.element_bytes);
  region.writable = tensor.role != KARAT_INPUT || shared_[index];

  const std::size_t behind = tensor.role == KARAT_OUTPUT ? 0 : over_read(row, region.element_bytes);
  const std::size_t used = add(add(region.data_bytes, tensor.placement.offset), behind);
  region.bytes = round_up(std::max<std::size_t>(used, 1), page_size());
  region.data_offset =
      tensor.placement.flush == Placement::Flush::start ? tensor.placement.offset : region.bytes - used;
  std::size_t& file = region.writable ? out_bytes : in_bytes;
  region.file_offset = file;
  file = add(file, region.bytes);
}

std::byte* Layout::pages(const Region& region) const {
  return (region.writable ? outputs_ : inputs_).begin() + region.file_offset;
}

std::vector<std::span<std::byte>> Layout::spans() {
  std::vector<std::span<std::byte>> spans;
  for (std::size_t i = 0; i < regions_.size(); ++i)
    spans.push_back(shared_[i] && regions_[i].data_bytes != 0
                        ? std::span(apart_[i])
                        : std::span(data(regions_[i]), regions_[i].data_bytes));
  return spans;
}

void Layout::pack(wire::Packer& out) const {
  out.put(wire::Request::layout).put(std::int32_t{call_.kernel}).put(std::int32_t{call_.threads});
  out.put(static_cast<std::uint32_t>(regions_.size()));
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const TensorSpec& tensor = call_.tensors[i];
    const Region& region = regions_[i];
    out.text(tensor.name)
        .put(tensor.role)
        .put(tensor.dtype)
        .put(static_cast<std::uint8_t>(region.writable))
        .put(std::int32_t{region.shares})
        .put(std::uint64_t{region.file_offset})
        .put(std::uint64_t{region.bytes})
        .put(std::uint64_t{region.data_offset})
        .put(std::uint64_t{region.data_bytes})
        .list(std::span<const std::int64_t>(tensor.shape))
        .list(std::span<const std::int64_t>(tensor.strides));
  }
  out.put(static_cast<std::uint32_t>(call_.attributes.size()));
  for (const AttributeSpec& attribute : call_.attributes)
    out.text(attribute.name)
        .put(attribute.kind)
        .put(attribute.number)
        .put(attribute.integer)
        .text(attribute.text)
        .list(std::span<const std::int64_t>(attribute.list));
}

void Layout::fill_around(const Region& region, std::uint64_t pattern) const {
  std::byte* const origin = data(region);
  std::byte* const end = origin + region.data_bytes;
  fill_pattern(pages(region), region.data_offset, origin, pattern);
  fill_pattern(end, region.bytes - region.data_offset - region.data_bytes, origin, pattern);
  for (const Range& gap : region.gaps) fill_pattern(origin + gap.offset, gap.bytes, origin, pattern);
}

void Layout::before_call(std::uint64_t poison) {
  poison_ = poison;
  for (InOut& in_out : in_outs_) {
    const Region& region = regions_[in_out.tensor];
    // As the last call left it: take it back.  Otherwise the caller has filled it anew.
    if (in_out.ran && hash_bytes(data(region), region.data_bytes) == in_out.hash_after)
      std::copy(in_out.before.begin(), in_out.before.end(), data(region));
    else
      in_out.before.assign(data(region), data(region) + region.data_bytes);
  }
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const Region& region = regions_[i];
    if (region.shares >= 0) continue;
    if (!region.writable) {
      for (const Range& gap : region.gaps) std::memset(data(region) + gap.offset, kNanByte, gap.bytes);
      if (call_.hash_inputs) hashes_[i] = hash_bytes(pages(region), region.bytes);
      continue;
    }
    const std::uint64_t pattern = widen(poison, region.element_bytes);
    if (shared_[i]) {
      std::copy(apart_[i].begin(), apart_[i].end(), data(region));
      fill_around(region, pattern);
    } else if (call_.tensors[i].role == KARAT_INOUT) {
      fill_around(region, pattern);
    } else {
      fill_pattern(pages(region), region.bytes, data(region), pattern);
    }
  }
}

std::string Layout::changed_around(const Region& region, const std::string& name) const {
  const std::uint64_t pattern = widen(poison_, region.element_bytes);
  const std::byte* const origin = data(region);
  const std::byte* const end = origin + region.data_bytes;
  const std::size_t behind = region.bytes - region.data_offset - region.data_bytes;
  std::string text;
  const auto add_text = [&](const std::string& part) { text += (text.empty() ? name + ": " : "; ") + part; };
  std::size_t first = 0;
  if (const auto changed = count_changed(pages(region), region.data_offset, origin, pattern, &first))
    add_text(count_of(changed, "before its start") + " (from byte -" +
             std::to_string(region.data_offset - first) + ")");
  std::size_t in_gaps = 0, first_gap = 0;
  for (const Range& gap : region.gaps)
    if (const auto changed = count_changed(origin + gap.offset, gap.bytes, origin, pattern, &first)) {
      if (in_gaps == 0) first_gap = gap.offset + first;
      in_gaps += changed;
    }
  if (in_gaps != 0)
    add_text(count_of(in_gaps, "in the gaps between its elements") + " (from byte " +
             std::to_string(first_gap) + ")");
  if (const auto changed = count_changed(end, behind, origin, pattern, &first))
    add_text(count_of(changed, "past its end") + " (from byte " + std::to_string(region.data_bytes + first) +
             " of " + std::to_string(region.data_bytes) + ")");
  return text;
}

void Layout::after_call(Outcome& outcome) {
  const auto add_finding = [](std::string& text, const std::string& part) {
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  };
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const Region& region = regions_[i];
    if (region.shares >= 0) continue;
    if (region.writable) {
      add_finding(outcome.wrote_outside, changed_around(region, call_.tensors[i].name));
    } else if (call_.hash_inputs && hash_bytes(pages(region), region.bytes) != hashes_[i]) {
      add_finding(outcome.input_changed, call_.tensors[i].name + " differs after the call");
    }
  }
  for (InOut& in_out : in_outs_) {
    const Region& region = regions_[in_out.tensor];
    in_out.hash_after = hash_bytes(data(region), region.data_bytes);
    in_out.ran = true;
  }
}

}  // namespace karat::host
