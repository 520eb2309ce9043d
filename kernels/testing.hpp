// SPDX-License-Identifier: MIT
// For this room's tests: formats by definition, calls on guarded memory, every target in turn.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <hwy/highway.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/operator.hpp"
#include "kernels/rows.hpp"
#include "kernels/uniform.hpp"
#include "plugins/karat_plugin.h"

namespace karat::kernels::testing {

inline constexpr std::int32_t kDtypes[] = {KARAT_F64, KARAT_F32, KARAT_F16, KARAT_BF16};

struct Format {
  int precision, min_exponent, max_exponent;
  std::size_t bytes;
};

inline Format format_of(std::int32_t dtype) {
  if (dtype == KARAT_F64) return {53, -1022, 1023, 8};
  if (dtype == KARAT_F32) return {24, -126, 127, 4};
  if (dtype == KARAT_F16) return {11, -14, 15, 2};
  return {8, -126, 127, 2};
}

inline const char* name_of(std::int32_t dtype) {
  return dtype == KARAT_F64 ? "f64" : dtype == KARAT_F32 ? "f32" : dtype == KARAT_F16 ? "f16" : "bf16";
}

// 2^(max(⌊log2|y|⌋, e_min) - p + 1); of 0, the smallest subnormal.
inline long double ulp_of(long double y, const Format& f) {
  const int e = y == 0 ? f.min_exponent : std::max(std::ilogb(y), f.min_exponent);
  return std::ldexp(1.0L, e - f.precision + 1);
}

inline long double overflow_threshold(const Format& f) {  // half a unit above the largest
  return std::ldexp(2 - std::ldexp(1.0L, -f.precision), f.max_exponent);
}

// y to the nearest number of the format, ties to even, as a long double.
inline long double rounded(long double y, const Format& f) {
  if (!std::isfinite(y)) return y;
  if (std::fabs(y) >= overflow_threshold(f))
    return std::copysign(std::numeric_limits<long double>::infinity(), y);
  const long double unit = ulp_of(y, f);
  return std::copysign(std::nearbyint(y / unit) * unit, y);
}

// The value of a bit pattern, by the definition of the formats.
inline double decode(std::uint64_t bits, std::int32_t dtype) {
  if (dtype == KARAT_F64) return std::bit_cast<double>(bits);
  if (dtype == KARAT_F32) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  const Format f = format_of(dtype);
  const int fraction_bits = f.precision - 1;
  const int ones = (1 << (15 - fraction_bits)) - 1;
  const int field = static_cast<int>(bits >> fraction_bits) & ones;
  const int fraction = static_cast<int>(bits) & ((1 << fraction_bits) - 1);
  double v = field == 0
                 ? std::ldexp(fraction, f.min_exponent - fraction_bits)
                 : std::ldexp(fraction + (1 << fraction_bits), field - 1 + f.min_exponent - fraction_bits);
  if (field == ones)
    v = fraction != 0 ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  return (bits & 0x8000) != 0 ? -v : v;
}

// The bit pattern of a value that the format holds.
inline std::uint64_t encode(double v, std::int32_t dtype) {
  if (dtype == KARAT_F64) return std::bit_cast<std::uint64_t>(v);
  if (dtype == KARAT_F32) return std::bit_cast<std::uint32_t>(static_cast<float>(v));
  const Format f = format_of(dtype);
  const int fraction_bits = f.precision - 1;
  const std::uint64_t sign = std::signbit(v) ? 0x8000 : 0;
  const std::uint64_t infinity = ((1u << (15 - fraction_bits)) - 1) << fraction_bits;
  if (std::isnan(v)) return sign | infinity | (1u << (fraction_bits - 1));
  if (std::isinf(v)) return sign | infinity;
  if (v == 0) return sign;
  const int e = std::max(std::ilogb(v), f.min_exponent);
  const double units = std::fabs(std::ldexp(v, fraction_bits - e));
  if (units != std::floor(units)) throw std::invalid_argument("encode: not a number of the format");
  // In units of the last place, a subnormal has its fraction and a normal number one bit more.
  const auto base = static_cast<std::uint64_t>(e - f.min_exponent) << fraction_bits;
  return sign | (base + static_cast<std::uint64_t>(units));
}

// Memory that ends at an unmapped page, or begins behind one; NaN patterns everywhere.
class Guarded {
 public:
  Guarded(std::size_t bytes, std::size_t offset, bool at_end) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t room = (bytes + offset + page - 1) / page * page;
    mapped_ = std::max(room, page) + 2 * page;
    void* base = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    base_ = static_cast<std::byte*>(base);
    std::memset(base_, 0xff, mapped_);
    mprotect(base_, page, PROT_NONE);
    mprotect(base_ + mapped_ - page, page, PROT_NONE);
    data_ = at_end ? base_ + mapped_ - page - bytes - offset : base_ + page + offset;
  }
  Guarded(Guarded&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), data_(other.data_), mapped_(other.mapped_) {}
  Guarded& operator=(Guarded&&) = delete;
  ~Guarded() {
    if (base_ != nullptr) munmap(base_, mapped_);
  }
  std::byte* data() const { return data_; }

 private:
  std::byte* base_;
  std::byte* data_;
  std::size_t mapped_;
};

using Attribute = std::pair<const char*, double>;

// One call: values in, values out, in row-major order.
struct Job {
  std::string op;
  std::int32_t dtype = KARAT_F64;
  std::vector<std::vector<double>> inputs;
  std::vector<std::int64_t> shape;                   // empty: one dimension
  std::vector<std::vector<std::int64_t>> strides{};  // one a tensor; empty: contiguous
  std::vector<Attribute> attributes{};
  int threads = 1;
  std::size_t offset = 0;  // of every tensor, in bytes, from its guard page
  bool at_end = true;
  int in_place = -1;  // the input whose memory the output shares
  std::string kernel{};  // empty: the operator's first for tensors that are alike
};

inline const Operator& operator_of(const karat_kernel& row) { return *static_cast<const Operator*>(row.user); }

// A row whose tensors are alike: a Uniform.
inline const karat_kernel& find_row(std::string_view op, std::int32_t dtype, std::string_view kernel = {}) {
  for (const karat_kernel& row : rows())
    if (op == row.op && dtype == row.dtype && (kernel.empty() || kernel == row.kernel) &&
        dynamic_cast<const Uniform*>(&operator_of(row)) != nullptr)
      return row;
  throw std::invalid_argument("no kernel of " + std::string(op) + " " + name_of(dtype));
}

struct Declined : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The output's bits.  Throws Declined with the kernel's reason.
inline std::vector<std::uint64_t> run_bits(const Job& job) {
  const karat_kernel& kernel = find_row(job.op, job.dtype, job.kernel);
  const std::size_t size = format_of(job.dtype).bytes, inputs = job.inputs.size();
  std::vector<std::int64_t> shape = job.shape;
  if (shape.empty()) shape = {static_cast<std::int64_t>(job.inputs[0].size())};
  std::vector<std::int64_t> dense(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) dense[d - 1] = dense[d] * std::max<std::int64_t>(1, shape[d]);
  const std::size_t count = job.inputs[0].size();
  const auto strides_of = [&](std::size_t t) { return job.strides.empty() ? dense : job.strides[t]; };
  const auto offset_of = [&](std::size_t t, std::size_t i) {
    const std::vector<std::int64_t> strides = strides_of(t);
    std::int64_t offset = 0, rest = static_cast<std::int64_t>(i);
    for (std::size_t d = shape.size(); d-- > 0;) {
      offset += rest % shape[d] * strides[d];
      rest /= shape[d];
    }
    return static_cast<std::size_t>(offset) * size;
  };

  std::vector<Guarded> memory;
  std::vector<karat_tensor> tensors(inputs + 1);
  std::vector<const karat_tensor*> pointers;
  std::vector<std::vector<std::int64_t>> strides;
  for (std::size_t t = 0; t <= inputs; ++t) strides.push_back(strides_of(t));
  for (std::size_t t = 0; t <= inputs; ++t) {
    const std::size_t bytes = count == 0 ? 0 : offset_of(t, count - 1) + size;
    memory.emplace_back(bytes, job.offset, job.at_end);
    std::byte* data = memory[t].data();
    if (t == inputs && job.in_place >= 0) data = memory[static_cast<std::size_t>(job.in_place)].data();
    tensors[t] = {sizeof(karat_tensor),
                  t == inputs ? "out" : "in",
                  t == inputs ? KARAT_OUTPUT : KARAT_INPUT,
                  job.dtype,
                  data,
                  static_cast<std::int32_t>(shape.size()),
                  0,
                  shape.data(),
                  strides[t].data()};
    pointers.push_back(&tensors[t]);
    if (t == inputs) break;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t bits = encode(job.inputs[t][i], job.dtype);
      std::memcpy(data + offset_of(t, i), &bits, size);
    }
  }
  std::vector<karat_attribute> attributes;
  for (const auto& [name, value] : job.attributes) {
    const bool axis = std::string_view(name) == "axis";
    attributes.push_back({sizeof(karat_attribute), name, axis ? KARAT_INTEGER : KARAT_NUMBER, 0,
                          axis ? 0 : value, axis ? static_cast<std::int64_t>(value) : 0, nullptr, nullptr});
  }
  std::vector<const karat_attribute*> attribute_pointers;
  for (const karat_attribute& attribute : attributes) attribute_pointers.push_back(&attribute);
  const karat_call call{sizeof(karat_call),
                        pointers.data(),
                        static_cast<std::int32_t>(inputs + 1),
                        static_cast<std::int32_t>(attributes.size()),
                        attribute_pointers.data(),
                        job.threads,
                        0,
                        nullptr,
                        0};
  const char* reason = nullptr;
  if (kernel.supports(&kernel, &call, &reason) != 1) throw Declined(reason == nullptr ? "" : reason);
  if (kernel.run(&kernel, &call) != KARAT_OK) throw std::runtime_error(job.op + " failed");
  std::vector<std::uint64_t> result(count, 0);
  for (std::size_t i = 0; i < count; ++i)
    std::memcpy(&result[i], static_cast<std::byte*>(tensors[inputs].data) + offset_of(inputs, i), size);
  return result;
}

inline std::vector<double> run(const Job& job) {
  std::vector<double> values;
  for (const std::uint64_t bits : run_bits(job)) values.push_back(decode(bits, job.dtype));
  return values;
}

// Every instruction set that this processor and build have, best first.
inline std::vector<std::int64_t> targets() {
  static const std::vector<std::int64_t> all = hwy::SupportedAndGeneratedTargets();
  return all;
}

// Makes the kernels run on one target while it lives.
class OnTarget {
 public:
  explicit OnTarget(std::int64_t target) {
    targets();
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  OnTarget(const OnTarget&) = delete;
  OnTarget& operator=(const OnTarget&) = delete;
  ~OnTarget() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

// Bit-uniform numbers of a format, without NaN and infinities.
inline double random_bits(std::mt19937_64& random, std::int32_t dtype) {
  while (true) {
    const double v = decode(random() >> (64 - 8 * format_of(dtype).bytes), dtype);
    if (std::isfinite(v)) return v;
  }
}

// The format's number nearest to a uniform one.
inline double random_between(std::mt19937_64& random, std::int32_t dtype, double low, double high) {
  const double u = static_cast<double>(random() >> 11) * 0x1p-53;
  return static_cast<double>(rounded(low + (high - low) * static_cast<long double>(u), format_of(dtype)));
}

}  // namespace karat::kernels::testing
