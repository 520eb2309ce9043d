// SPDX-License-Identifier: MIT
// For this room's tests: calls of any operator, by the names of its tensors and attributes, on guarded memory.
#pragma once

#include <deque>
#include <optional>

#include "kernels/testing.hpp"

namespace karat::kernels::testing {

struct NamedTensor {
  std::string name;
  std::int32_t role = KARAT_INPUT;
  std::int32_t dtype = KARAT_F64;
  std::vector<std::int64_t> shape;
  std::vector<double> values;                // in row-major order; none: an output
  std::vector<std::int64_t> strides{};       // empty: dense
  std::optional<std::size_t> in_place_of{};  // the tensor whose memory it shares
};

struct NamedAttribute {
  std::string name;
  std::int32_t kind = KARAT_NUMBER;
  double number = 0;
  std::int64_t integer = 0;
  std::string text{};
  std::vector<std::int64_t> list{};
};
inline NamedAttribute number(const char* name, double value) { return {name, KARAT_NUMBER, value}; }
inline NamedAttribute integer(const char* name, std::int64_t value) { return {name, KARAT_INTEGER, 0, value}; }
inline NamedAttribute text(const char* name, const char* value) { return {name, KARAT_TEXT, 0, 0, value}; }

inline NamedAttribute list(const char* name, std::vector<std::int64_t> value) { return {name, KARAT_LIST, 0, 0, {}, std::move(value)}; }

inline std::int64_t product(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

inline std::vector<std::int64_t> dense_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<std::int64_t>(1, shape[d]);
  return strides;
}

inline const karat_kernel& find_named_row(std::string_view op, std::int32_t dtype, std::string_view kernel = {}) {
  for (const karat_kernel& row : rows())
    if (op == row.op && dtype == row.dtype && (kernel.empty() || kernel == row.kernel)) return row;
  throw std::invalid_argument("no kernel of " + std::string(op) + " " + name_of(dtype));
}

struct NamedCall {
  std::vector<NamedTensor> tensors;
  std::vector<NamedAttribute> attributes{};
  int threads = 1;
  std::size_t offset = 0;  // of every tensor, in bytes, from its guard page
  bool at_end = true;
};

// The structs of a call without data, for supports(); they live as long as this does.
class Spelled {
 public:
  explicit Spelled(const NamedCall& call) {
    for (const NamedTensor& t : call.tensors) {
      strides_.push_back(t.strides.empty() ? dense_strides(t.shape) : t.strides);
      tensors_.push_back({sizeof(karat_tensor), t.name.c_str(), t.role, t.dtype, nullptr,
                          static_cast<std::int32_t>(t.shape.size()), 0, t.shape.data(), strides_.back().data()});
      tensor_pointers_.push_back(&tensors_.back());
    }
    for (const NamedAttribute& a : call.attributes) {
      attributes_.push_back({sizeof(karat_attribute), a.name.c_str(), a.kind, static_cast<std::int32_t>(a.list.size()), a.number, a.integer, a.text.c_str(), a.list.data()});
      attribute_pointers_.push_back(&attributes_.back());
    }
    call_ = {sizeof(karat_call),
             tensor_pointers_.data(),
             static_cast<std::int32_t>(tensor_pointers_.size()),
             static_cast<std::int32_t>(attribute_pointers_.size()),
             attribute_pointers_.data(),
             call.threads,
             0,
             nullptr,
             0};
  }
  Spelled(const Spelled&) = delete;
  Spelled& operator=(const Spelled&) = delete;

  karat_call& call() { return call_; }
  karat_tensor& tensor(std::size_t t) { return tensors_[t]; }

 private:
  std::deque<std::vector<std::int64_t>> strides_;
  std::deque<karat_tensor> tensors_;
  std::deque<karat_attribute> attributes_;
  std::vector<const karat_tensor*> tensor_pointers_;
  std::vector<const karat_attribute*> attribute_pointers_;
  karat_call call_{};
};

// Why the row declines the call; empty if it does not.
inline std::string reason(const karat_kernel& row, const NamedCall& call) {
  Spelled spelled(call);
  const char* why = nullptr;
  if (row.supports(&row, &spelled.call(), &why) == 1) return "";
  return why == nullptr || *why == '\0' ? "no reason" : why;
}

// The bits of every tensor after the call, inputs too, in row-major order.  Throws where the row declines or fails.
inline std::vector<std::vector<std::uint64_t>> run_named(const karat_kernel& row, const NamedCall& call) {
  Spelled spelled(call);
  const char* why = nullptr;
  if (row.supports(&row, &spelled.call(), &why) != 1) throw Declined(why == nullptr ? "no reason" : why);

  const auto size_of = [&](std::size_t t) {
    return call.tensors[t].dtype == KARAT_I64 ? 8 : format_of(call.tensors[t].dtype).bytes;
  };
  const auto offset_of = [&](std::size_t t, std::int64_t i) {
    const karat_tensor& tensor = spelled.tensor(t);
    std::int64_t offset = 0;
    for (std::int32_t d = tensor.rank; d-- > 0;) {
      offset += i % tensor.shape[d] * tensor.strides[d];
      i /= tensor.shape[d];
    }
    return static_cast<std::size_t>(offset) * size_of(t);
  };

  std::deque<Guarded> memory;
  for (std::size_t t = 0; t < call.tensors.size(); ++t) {
    const NamedTensor& tensor = call.tensors[t];
    const std::int64_t count = product(tensor.shape);
    std::size_t bytes = 0;
    for (std::int64_t i = 0; i < count; ++i) bytes = std::max(bytes, offset_of(t, i) + size_of(t));
    memory.emplace_back(bytes, call.offset, call.at_end);
    std::byte* const data = tensor.in_place_of ? memory[*tensor.in_place_of].data() : memory.back().data();
    spelled.tensor(t).data = data;
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      const std::uint64_t bits = tensor.dtype == KARAT_I64
                                     ? static_cast<std::uint64_t>(static_cast<std::int64_t>(tensor.values[i]))
                                     : encode(tensor.values[i], tensor.dtype);
      std::memcpy(data + offset_of(t, static_cast<std::int64_t>(i)), &bits, size_of(t));
    }
  }
  const std::size_t scratch = row.scratch_bytes == nullptr ? 0 : row.scratch_bytes(&row, &spelled.call());
  const Guarded scratch_memory((scratch + 63) / 64 * 64, 0, true);
  if (scratch > 0) {
    spelled.call().scratch = scratch_memory.data();
    spelled.call().scratch_size = scratch;
  }
  if (row.run(&row, &spelled.call()) != KARAT_OK) throw std::runtime_error(std::string(row.op) + " failed");

  std::vector<std::vector<std::uint64_t>> result(call.tensors.size());
  for (std::size_t t = 0; t < call.tensors.size(); ++t) {
    const std::int64_t count = product(call.tensors[t].shape);
    for (std::int64_t i = 0; i < count; ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, static_cast<const std::byte*>(spelled.tensor(t).data) + offset_of(t, i), size_of(t));
      result[t].push_back(bits);
    }
  }
  return result;
}

inline std::vector<double> decoded(const std::vector<std::uint64_t>& bits, std::int32_t dtype) {
  std::vector<double> values;
  for (const std::uint64_t b : bits) values.push_back(decode(b, dtype));
  return values;
}

}  // namespace karat::kernels::testing
