// SPDX-License-Identifier: MIT
// Operators of one or two inputs and an output, all of one shape and dtype, whose attributes are numbers.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/operator.hpp"

namespace karat::kernels {

inline constexpr int kMaxAttributes = 2;
inline constexpr int kMaxInputs = 2;
inline constexpr int kUniformTensors = kMaxInputs + 1;

// Everything that tells one such operator from another, apart from how it computes.
struct Description {
  const char* op;                                        // operator of the catalogue
  const char* kernel;                                    // this implementation, named after its method
  int inputs = 1;                                        // tensors before the output
  std::array<const char*, kMaxAttributes> attributes{};  // numbers and integers, by name
  const char* claim_f64 = nullptr;                       // accuracy that the row promises, or nullptr
  const char* claim_narrow = nullptr;                    // the same for f32, f16 and bf16
  // Why these attribute values cannot be computed; nullptr if they can.
  const char* (*declines)(const double* attributes, int rank) = nullptr;
  std::uint32_t dtypes = kAllDtypes;
};

// A call as these operators see it: attributes in the order of Description::attributes.
struct Call {
  const karat_call* call;
  std::int32_t dtype;
  std::array<double, kMaxAttributes> attributes;
};

class Uniform : public Operator {
 public:
  explicit Uniform(const Description& description)
      : Operator({description.op, description.kernel, description.claim_f64, description.claim_narrow, kAnyStrides, description.dtypes}),
        description_(description) {}

  const Description& description() const { return description_; }
  virtual void run(const Call& call) const = 0;

  const char* declines(std::int32_t dtype, const karat_call& call) const final;
  void run(std::int32_t dtype, const karat_call& call) const final;

 protected:
  ~Uniform() = default;

 private:
  Description description_;
};

}  // namespace karat::kernels
