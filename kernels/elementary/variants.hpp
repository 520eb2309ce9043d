// SPDX-License-Identifier: MIT
// The three kernels of a transcendental operator of one input: of f64, and `…_exact` and `…_fast` of f32, f16 and bf16.
#pragma once

#include <string>

#include "kernels/elementwise.hpp"

namespace karat::kernels {

// What they run on one target.
struct VariantLanes {
  LaneFunction full;  // f64
  ExactLanes exact;
  LaneFunction fast;
  StoredFunction fast_stored;
};

// `lanes` gives those of the target that is in use.
template <VariantLanes (*lanes)()>
class Variants {
 public:
  // `method` names the kernel of f64; the others' names append to it.
  Variants(const char* op, const char* method)
      : exact_name_(std::string(method) + "_exact"),
        fast_name_(std::string(method) + "_fast"),
        full_({.op = op, .kernel = method, .dtypes = bit_of(KARAT_F64)}, [](const LaneCall& call) { lanes().full(call); }),
        exact_({.op = op, .kernel = exact_name_.c_str(), .claim_narrow = "exact", .dtypes = kNarrowDtypes},
               {.approximate = [](const LaneCall& call) { lanes().exact.approximate(call); },
                .accurate = [](const LaneCall& call) { lanes().exact.accurate(call); },
                .stored = [](const StoredCall& call) { lanes().exact.stored(call); }}),
        fast_({.op = op, .kernel = fast_name_.c_str(), .claim_narrow = "faithful", .dtypes = kNarrowDtypes},
              [](const LaneCall& call) { lanes().fast(call); }, [](const StoredCall& call) { lanes().fast_stored(call); }) {}

 private:
  std::string exact_name_, fast_name_;
  Elementwise full_, exact_, fast_;
};

}  // namespace karat::kernels
