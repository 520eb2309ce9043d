// SPDX-License-Identifier: MIT
// What a kernel file ends in: an operator that registers itself, one row a dtype.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/arguments.hpp"
#include "plugins/karat_plugin.h"

namespace karat::kernels {

// Dtypes of rows, as bits.
constexpr std::uint32_t bit_of(std::int32_t dtype) { return 1u << dtype; }
inline constexpr std::uint32_t kNarrowDtypes = bit_of(KARAT_F32) | bit_of(KARAT_F16) | bit_of(KARAT_BF16);
inline constexpr std::uint32_t kAllDtypes = kNarrowDtypes | bit_of(KARAT_F64);

// Of a kernel that reads and writes tensors of any strides, in place too, and of one that wants dense ones.
inline constexpr std::uint32_t kAnyStrides = KARAT_STRIDED | KARAT_IN_PLACE | KARAT_THREAD_SAFE | KARAT_DETERMINISTIC;
inline constexpr std::uint32_t kDense = KARAT_THREAD_SAFE | KARAT_DETERMINISTIC;

// What a row says of its kernel.
struct About {
  const char* op;                      // operator of the catalogue
  const char* kernel;                  // this implementation, named after its method
  const char* claim_f64 = nullptr;     // accuracy that the row promises, or nullptr
  const char* claim_narrow = nullptr;  // the same for f32, f16 and bf16
  std::uint32_t capabilities = kAnyStrides;
  std::uint32_t dtypes = kAllDtypes;
};

class Operator {
 public:
  // Registers the operator.  The object must live until the process ends.
  explicit Operator(const About& about);
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  const About& about() const { return about_; }

  // Why the call cannot be computed (a static text), nullptr if it can.  Data pointers are not set.
  virtual const char* declines(std::int32_t dtype, const karat_call& call) const = 0;
  virtual std::size_t scratch_bytes(std::int32_t, const karat_call&) const { return 0; }
  // Computes a call that is not declined.
  virtual void run(std::int32_t dtype, const karat_call& call) const = 0;

 protected:
  ~Operator() = default;

 private:
  About about_;
};

// An operator whose calls are read by a Plan: constructed from (dtype, Arguments), it throws a Refusal where
// the call is none that it computes, touches no data, and has run() and, if it wants scratch, scratch_bytes().
template <class Plan>
class Planned final : public Operator {
 public:
  using Operator::Operator;
  const char* declines(std::int32_t dtype, const karat_call& call) const override {
    return reason_of([&] { Plan(dtype, Arguments(call)); });
  }
  std::size_t scratch_bytes(std::int32_t dtype, const karat_call& call) const override {
    if constexpr (requires(const Plan& plan) { plan.scratch_bytes(); })
      return Plan(dtype, Arguments(call)).scratch_bytes();
    else
      return 0;
  }
  void run(std::int32_t dtype, const karat_call& call) const override { Plan(dtype, Arguments(call)).run(); }
};

}  // namespace karat::kernels
