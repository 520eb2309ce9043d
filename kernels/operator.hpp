// SPDX-License-Identifier: MIT
// What a kernel file ends in: an operator that registers itself, in all four dtypes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "plugins/karat_plugin.h"

namespace karat::kernels {

inline constexpr int kMaxAttributes = 2;
inline constexpr int kMaxInputs = 2;

// Everything that tells one operator from another, apart from how it computes.
struct Description {
  const char* op;                                        // operator of the catalogue
  const char* kernel;                                    // this implementation, named after its method
  int inputs = 1;                                        // tensors before the output; all of one shape
  std::array<const char*, kMaxAttributes> attributes{};  // numbers and integers, by name
  const char* claim_f64 = nullptr;                       // accuracy that the row promises, or nullptr
  const char* claim_narrow = nullptr;                    // the same for f32, f16 and bf16
  // Why these attribute values cannot be computed; nullptr if they can.
  const char* (*declines)(const double* attributes, int rank) = nullptr;
};

// A call as operators see it: attributes in the order of Description::attributes.
struct Call {
  const karat_call* call;
  std::int32_t dtype;
  std::array<double, kMaxAttributes> attributes;
};

class Operator {
 public:
  // Registers the operator: one row a dtype.  The object must live until the process ends.
  explicit Operator(const Description& description);
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  const Description& description() const { return description_; }
  virtual void run(const Call& call) const = 0;

 protected:
  ~Operator() = default;

 private:
  Description description_;
};

}  // namespace karat::kernels
