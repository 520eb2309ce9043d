// SPDX-License-Identifier: MIT
// For the tests of plugins: loads one into the test's own process and calls its kernels on
// memory between unmapped pages.  The host does this better, in a worker; here it is done in
// few lines and without it, so that an adapter's test does not depend on the host.
#pragma once

#include <dlfcn.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/karat_plugin.h"

namespace karat::plugin_testing {

struct Format {
  int precision, e_min;
  std::size_t bytes;
};
inline Format format_of(std::int32_t dtype) {
  switch (dtype) {
    case KARAT_F64:
      return {53, -1022, 8};
    case KARAT_F32:
      return {24, -126, 4};
    case KARAT_F16:
      return {11, -14, 2};
    case KARAT_BF16:
      return {8, -126, 2};
  }
  throw std::invalid_argument("no such dtype: " + std::to_string(dtype));
}

// The value of a 16-bit pattern, by the definition of the formats.
inline double decode16(std::uint16_t bits, Format f) {
  const int fraction_bits = f.precision - 1, all_ones = (1 << (16 - f.precision)) - 1;
  const int exponent = (bits >> fraction_bits) & all_ones;
  const int fraction = bits & ((1 << fraction_bits) - 1);
  double v = exponent == 0
                 ? std::ldexp(fraction, f.e_min - fraction_bits)
                 : std::ldexp(fraction + (1 << fraction_bits), exponent - 1 + f.e_min - fraction_bits);
  if (exponent == all_ones)
    v = fraction ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  return bits & 0x8000 ? -v : v;
}

// The 16-bit pattern nearest to v, ties to even, found by bisection over the patterns: slow,
// and unlike any other rounding here.
inline std::uint16_t nearest16(double v, Format f) {
  const std::uint16_t sign = std::signbit(v) ? 0x8000 : 0;
  const auto infinity = static_cast<std::uint16_t>(((1 << (16 - f.precision)) - 1) << (f.precision - 1));
  if (std::isnan(v)) return static_cast<std::uint16_t>(infinity | 1 << (f.precision - 2));
  v = std::fabs(v);
  if (v >= std::ldexp(2 - std::ldexp(1, -f.precision), -f.e_min + 1)) return sign | infinity;
  std::uint16_t low = 0, high = infinity;  // decode(low) <= v < decode(high)
  while (high - low > 1) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    (decode16(middle, f) <= v ? low : high) = middle;
  }
  if (high == infinity) return sign | low;  // below the overflow threshold
  const double to_low = v - decode16(low, f), to_high = decode16(high, f) - v;
  return sign | (to_low < to_high || (to_low == to_high && low % 2 == 0) ? low : high);
}

// An element's bits as a value, and the bits nearest to a value.
inline double decode(std::uint64_t bits, std::int32_t dtype) {
  if (dtype == KARAT_F64) return std::bit_cast<double>(bits);
  if (dtype == KARAT_F32) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  return decode16(static_cast<std::uint16_t>(bits), format_of(dtype));
}
inline std::uint64_t encode(double v, std::int32_t dtype) {
  if (dtype == KARAT_F64) return std::bit_cast<std::uint64_t>(v);
  if (dtype == KARAT_F32) return std::bit_cast<std::uint32_t>(static_cast<float>(v));
  return nearest16(v, format_of(dtype));
}

// `bytes` of memory between two unmapped pages, at the end of the mapping or `offset` bytes
// behind its start; what else is mapped holds canary bytes.
class Guarded {
 public:
  Guarded(std::size_t bytes, bool at_end, std::size_t offset) : bytes_(bytes) {
    constexpr std::size_t page = 4096;
    inside_ = (bytes + offset + page - 1) / page * page + page;
    void* mapping = mmap(nullptr, inside_ + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) throw std::bad_alloc();
    mapping_ = static_cast<unsigned char*>(mapping);
    if (mprotect(mapping_ + page, inside_, PROT_READ | PROT_WRITE) != 0) throw std::bad_alloc();
    start_ = mapping_ + page;
    data_ = at_end ? start_ + inside_ - bytes - offset : start_ + offset;
    std::memset(start_, 0xa5, inside_);
  }
  ~Guarded() {
    if (mapping_) munmap(mapping_, inside_ + 2 * 4096);
  }
  Guarded(Guarded&& other) noexcept { *this = std::move(other); }
  Guarded& operator=(Guarded&& other) noexcept {
    std::swap(mapping_, other.mapping_);
    std::swap(start_, other.start_);
    std::swap(data_, other.data_);
    std::swap(inside_, other.inside_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  unsigned char* data() const { return data_; }
  bool maps(const void* address) const {  // the memory itself
    return address >= start_ && address < start_ + inside_;
  }
  bool guards(const void* address) const {  // the unmapped page on either side
    return !maps(address) && address >= mapping_ && address < mapping_ + inside_ + 2 * 4096;
  }
  void forbid_writing() { mprotect(start_, inside_, PROT_READ); }
  bool canaries_stand() const {
    for (const unsigned char* p = start_; p != start_ + inside_; ++p)
      if ((p < data_ || p >= data_ + bytes_) && *p != 0xa5) return false;
    return true;
  }

 private:
  unsigned char *mapping_ = nullptr, *start_ = nullptr, *data_ = nullptr;
  std::size_t inside_ = 0, bytes_ = 0;
};

class Plugin {
 public:
  explicit Plugin(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle_) throw std::runtime_error(dlerror());
    const auto entry = std::bit_cast<karat_plugin_entry_function>(dlsym(handle_, KARAT_PLUGIN_ENTRY));
    if (!entry) throw std::runtime_error(path + " has no " KARAT_PLUGIN_ENTRY);
    static const karat_host host{sizeof(karat_host), KARAT_ABI_MAJOR, KARAT_ABI_MINOR,
                                 [](const char*) -> const void* { return nullptr; }};
    plugin_ = entry(&host);
    if (!plugin_) throw std::runtime_error(path + ": cannot run here");
  }

  const karat_plugin& operator*() const { return *plugin_; }
  const karat_plugin* operator->() const { return plugin_; }

  std::vector<const karat_kernel*> kernels() const {
    std::vector<const karat_kernel*> rows;
    for (std::int32_t i = 0; i < plugin_->kernel_count; ++i) rows.push_back(plugin_->kernel(i));
    return rows;
  }
  // nullptr if there is none; any variant if none is named.
  const karat_kernel* kernel(std::string_view op, std::int32_t dtype, std::string_view variant = {}) const {
    for (const karat_kernel* row : kernels())
      if (row->op == op && row->dtype == dtype && (variant.empty() || row->kernel == variant)) return row;
    return nullptr;
  }
  // The text of the extension, or empty.
  std::string expected_verdict() const {
    const void* text = plugin_->extension ? plugin_->extension(KARAT_EXPECTED_VERDICT) : nullptr;
    return text ? static_cast<const char*>(text) : "";
  }

 private:
  void* handle_;  // stays loaded: oneDNN and OpenMP do not survive being unloaded
  const karat_plugin* plugin_ = nullptr;
};

inline std::vector<std::string> tensor_names(std::string_view op) {
  if (op.ends_with("_backward_from_output")) return {"dy", "y", "dx"};
  if (op.ends_with("_backward")) return {"dy", "x", "dx"};
  return {"x", "y"};
}

struct Attributes {
  double alpha = 0.25, beta = 1, threshold = std::numeric_limits<double>::infinity();
  std::int64_t axis = 0;
};

struct Layout {
  bool strided = false, at_end = true;
  std::size_t offset = 0;  // bytes, see Guarded
  int threads = 1;
  bool in_place = false;  // the output in the last input's memory; not with strided
};

// One call and its memory.  Elements are numbered with the last axis fastest.
class Call {
 public:
  Call(const karat_kernel& kernel, std::vector<std::int64_t> shape, Attributes a = {}, Layout layout = {})
      : kernel_(kernel),
        in_place_(layout.in_place),
        shape_(std::move(shape)),
        names_(tensor_names(kernel.op)) {
    const std::size_t count = names_.size();
    tensors_.resize(count);
    strides_.resize(count);
    for (std::size_t t = 0; t < count; ++t) {
      // Strided tensors have gaps between elements and between rows, each tensor other ones.
      std::int64_t step = layout.strided ? 2 + static_cast<std::int64_t>(t) : 1, last = 0;
      strides_[t].resize(shape_.size());
      for (std::size_t d = shape_.size(); d-- > 0;) {
        strides_[t][d] = step;
        last += step * (shape_[d] - 1);
        step = step * std::max<std::int64_t>(shape_[d], 1) + (layout.strided ? 1 : 0);
      }
      const std::size_t elements = size() == 0 ? 0 : static_cast<std::size_t>(last) + 1;
      memory_.emplace_back(elements * bytes(), layout.at_end, layout.offset);
      tensors_[t] = {sizeof(karat_tensor),
                     names_[t].c_str(),
                     t + 1 == count ? KARAT_OUTPUT : KARAT_INPUT,
                     kernel.dtype,
                     memory_[storage(t)].data(),
                     static_cast<std::int32_t>(shape_.size()),
                     0,
                     shape_.data(),
                     strides_[t].data()};
      pointers_.push_back(&tensors_[t]);
      if (t + 1 == count)
        for (std::size_t i = 0; i < elements; ++i)
          std::memcpy(memory_[t].data() + i * bytes(), poison(), bytes());
    }
    const std::string_view op = kernel.op;
    if (op.starts_with("leaky_relu")) add("alpha", a.alpha);
    if (op.starts_with("softplus")) add("beta", a.beta), add("threshold", a.threshold);
    if (op.find("softmax") != op.npos)
      attributes_.push_back({sizeof(karat_attribute), "axis", KARAT_INTEGER, 0, 0, a.axis, nullptr, nullptr});
    for (const auto& attribute : attributes_) attribute_pointers_.push_back(&attribute);
    call_ = {sizeof(karat_call),
             pointers_.data(),
             static_cast<std::int32_t>(count),
             static_cast<std::int32_t>(attributes_.size()),
             attribute_pointers_.data(),
             layout.threads,
             0,
             nullptr,
             0};
  }
  Call(const Call&) = delete;

  std::int64_t size() const {
    std::int64_t n = 1;
    for (std::int64_t extent : shape_) n *= extent;
    return n;
  }
  const std::vector<std::int64_t>& shape() const { return shape_; }
  std::size_t output() const { return tensors_.size() - 1; }

  // Where element i of tensor t lies.
  unsigned char* element(std::size_t t, std::int64_t i) const {
    std::int64_t offset = 0;
    for (std::size_t d = shape_.size(); d-- > 0; i /= shape_[d]) offset += i % shape_[d] * strides_[t][d];
    return memory_[storage(t)].data() + static_cast<std::size_t>(offset) * bytes();
  }
  std::uint64_t bits(std::size_t t, std::int64_t i) const {
    std::uint64_t b = 0;
    std::memcpy(&b, element(t, i), bytes());
    return b;
  }
  void set_bits(std::size_t t, std::int64_t i, std::uint64_t b) { std::memcpy(element(t, i), &b, bytes()); }
  double get(std::size_t t, std::int64_t i) const { return decode(bits(t, i), kernel_.dtype); }
  void set(std::size_t t, std::int64_t i, double v) { set_bits(t, i, encode(v, kernel_.dtype)); }

  bool supported(std::string* reason = nullptr) const {
    const char* text = nullptr;
    if (!kernel_.supports || kernel_.supports(&kernel_, &call_, &text)) return true;
    if (reason) *reason = text ? text : "";
    return false;
  }
  std::int32_t run() {
    for (std::size_t t = 0; t < output(); ++t)
      if (t != storage(output())) memory_[t].forbid_writing();
    return kernel_.run(&kernel_, &call_);
  }
  // What an access fault at this address was: the write to an input, or a step outside.
  bool is_input(const void* address) const {
    for (std::size_t t = 0; t < output(); ++t)
      if (memory_[t].maps(address)) return true;
    return false;
  }
  bool is_guard(const void* address) const {
    for (const Guarded& memory : memory_)
      if (memory.guards(address)) return true;
    return false;
  }
  bool unwritten(std::int64_t i) const { return std::memcmp(element(output(), i), poison(), bytes()) == 0; }
  // Whether everything stands that the kernel was not to write: gaps and surroundings.
  bool wrote_outside() const {
    if (!memory_[storage(output())].canaries_stand()) return true;
    if (size() == 0) return false;
    std::set<const unsigned char*> inside;
    for (std::int64_t i = 0; i < size(); ++i) inside.insert(inside.end(), element(output(), i));
    for (const unsigned char* p = memory_[storage(output())].data(); p < element(output(), size() - 1);
         p += bytes())
      if (!inside.count(p) && std::memcmp(p, poison(), bytes()) != 0) return true;
    return false;
  }

 private:
  // Which memory holds tensor t.
  std::size_t storage(std::size_t t) const { return in_place_ && t == output() ? t - 1 : t; }
  std::size_t bytes() const { return format_of(kernel_.dtype).bytes; }
  const void* poison() const {  // a NaN of each format
    static constexpr std::uint64_t f64 = 0x7ff8dead0000beefU;
    static constexpr std::uint32_t f32 = 0x7fc0deadU;
    static constexpr std::uint16_t f16 = 0x7e5aU, bf16 = 0x7fdaU;
    switch (kernel_.dtype) {
      case KARAT_F64:
        return &f64;
      case KARAT_F32:
        return &f32;
      case KARAT_F16:
        return &f16;
      default:
        return &bf16;
    }
  }
  void add(const char* name, double value) {
    attributes_.push_back({sizeof(karat_attribute), name, KARAT_NUMBER, 0, value, 0, nullptr, nullptr});
  }

  const karat_kernel& kernel_;
  bool in_place_;
  std::vector<std::int64_t> shape_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::int64_t>> strides_;
  std::vector<Guarded> memory_;
  std::vector<karat_tensor> tensors_;
  std::vector<const karat_tensor*> pointers_;
  std::vector<karat_attribute> attributes_;
  std::vector<const karat_attribute*> attribute_pointers_;
  karat_call call_{};
};

// The operator on element i of the call's inputs, in double: for telling operators apart, not
// for measuring errors.
inline double formula(std::string_view op, const Call& call, std::int64_t i, Attributes a = {}) {
  const double x = call.get(call.output() - 1, i);  // x, or y of a from-output operator
  const double dy = call.output() == 2 ? call.get(0, i) : 0;
  const auto sigmoid = [](double v) { return 1 / (1 + std::exp(-v)); };
  if (op == "exp") return std::exp(x);
  if (op == "expm1") return std::expm1(x);
  if (op == "log") return std::log(x);
  if (op == "log1p") return std::log1p(x);
  if (op == "sqrt") return std::sqrt(x);
  if (op == "sigmoid") return sigmoid(x);
  if (op == "tanh") return std::tanh(x);
  if (op == "relu") return std::isnan(x) ? x : std::fmax(x, 0);
  if (op == "leaky_relu") return x > 0 ? x : a.alpha * x;
  if (op == "softplus")
    return a.beta * x > a.threshold
               ? x
               : (std::fmax(a.beta * x, 0) + std::log1p(std::exp(-std::fabs(a.beta * x)))) / a.beta;
  if (op == "sigmoid_backward") return dy * sigmoid(x) * sigmoid(-x);
  if (op == "tanh_backward") return dy / (std::cosh(x) * std::cosh(x));
  if (op == "relu_backward" || op == "relu_backward_from_output") return x > 0 ? dy : 0;
  if (op == "leaky_relu_backward" || op == "leaky_relu_backward_from_output")
    return x > 0 ? dy : a.alpha * dy;
  if (op == "softplus_backward") return dy * sigmoid(a.beta * x);
  if (op == "sigmoid_backward_from_output") return dy * x * (1 - x);
  if (op == "tanh_backward_from_output") return dy * (1 - x * x);
  throw std::invalid_argument("no formula for " + std::string(op));
}

// The same for all elements; the softmax family as well.
inline std::vector<double> formulas(std::string_view op, const Call& call, Attributes a = {}) {
  std::vector<double> result(static_cast<std::size_t>(call.size()));
  if (op.find("softmax") == op.npos) {
    for (std::int64_t i = 0; i < call.size(); ++i)
      result[static_cast<std::size_t>(i)] = formula(op, call, i, a);
    return result;
  }
  const auto& shape = call.shape();
  const std::int64_t length = shape[static_cast<std::size_t>(a.axis)];
  std::int64_t step = 1;
  for (auto d = static_cast<std::size_t>(a.axis) + 1; d < shape.size(); ++d) step *= shape[d];
  for (std::int64_t i = 0; i < call.size(); ++i) {
    const std::int64_t first = i - i / step % length * step;  // of i's row
    double maximum = -std::numeric_limits<double>::infinity(), sum = 0, dy_sum = 0, dy_y_sum = 0;
    const std::size_t x = call.output() - 1;
    for (std::int64_t j = 0; j < length; ++j) maximum = std::fmax(maximum, call.get(x, first + j * step));
    for (std::int64_t j = 0; j < length; ++j) {
      sum += std::exp(call.get(x, first + j * step) - maximum);
      dy_sum += call.get(0, first + j * step);
      dy_y_sum += call.get(0, first + j * step) * call.get(x, first + j * step);
    }
    const double value = call.get(x, i), dy = call.get(0, i);
    double& r = result[static_cast<std::size_t>(i)];
    if (op == "softmax")
      r = std::exp(value - maximum) / sum;
    else if (op == "log_softmax")
      r = value - maximum - std::log(sum);
    else if (op == "softmax_backward_from_output")
      r = value * (dy - dy_y_sum);
    else if (op == "log_softmax_backward_from_output")
      r = dy - std::exp(value) * dy_sum;
    else
      throw std::invalid_argument("no formula for " + std::string(op));
  }
  return result;
}

// Runs the kernel on ordinary values and compares with the formula, loosely: does the row
// compute its operator on this shape and layout?  Empty if so, else the first disagreement.
inline std::string disagreement(const karat_kernel& kernel, const std::vector<std::int64_t>& shape,
                                Attributes a = {}, Layout layout = {}) {
  const std::string_view op = kernel.op;
  Call call(kernel, shape, a, layout);
  const bool from_output = op.ends_with("from_output");
  const bool positive = op == "log" || op == "log1p" || op == "sqrt";
  for (std::size_t t = 0; t < call.output(); ++t)
    for (std::int64_t i = 0; i < call.size(); ++i) {
      const double v =
          static_cast<double>((i * 37 + 11 * static_cast<std::int64_t>(t)) % 95 - 47) / 8;  // -5.9 to 5.9
      const bool is_y = from_output && t == 1;
      call.set(t, i, is_y ? (v + 6) / 12 : positive ? std::fabs(v) + 0.125 : v);
    }
  std::string reason;
  if (!call.supported(&reason)) return "declined: " + reason;
  const std::vector<double> want = formulas(op, call, a);
  if (const auto status = call.run(); status != KARAT_OK) return "run returned " + std::to_string(status);
  // Libraries are allowed their errors here: measuring them is the judge's work.
  const double epsilon = std::ldexp(1, 1 - format_of(kernel.dtype).precision);
  const double allowed = std::fmax(16 * epsilon, 0x1p-10);
  for (std::int64_t i = 0; i < call.size(); ++i) {
    const double got = call.get(call.output(), i), exact = want[static_cast<std::size_t>(i)];
    if (!(std::fabs(got - exact) <= allowed * std::fmax(std::fabs(exact), 0x1p-6)))
      return "element " + std::to_string(i) + ": got " + std::to_string(got) + ", expected " +
             std::to_string(exact);
  }
  return call.wrote_outside() ? "wrote outside the output" : "";
}

}  // namespace karat::plugin_testing
