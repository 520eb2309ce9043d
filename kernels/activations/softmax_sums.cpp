// SPDX-License-Identifier: MIT
#include "kernels/activations/softmax_sums.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activations/softmax_sums.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/activations/softmax_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

Sum SumOfExpsLanes(const double* x, size_t count, double max, double exponent) {
  return SumOfExps(x, count, max, exponent);
}

Sum SumOfWeightsLanes(const double* x, size_t count, double max, double exponent) {
  return SumOfWeights(x, count, max, exponent);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(SumOfExpsLanes);
HWY_EXPORT(SumOfWeightsLanes);

RowMaximum find_row_maximum(const Row& row, int tensor) {
  RowMaximum result{.peak = find_peak(row, tensor)};
  if (result.valid() && std::isfinite(result.peak.second)) {
    const double difference = std::max(-3000.0, result.peak.second - result.peak.max);
    result.exponent = std::nearbyint(difference * constants::kLog2E);
  }
  return result;
}

Sum sum_of_others(const Row& row, int tensor, const RowMaximum& maximum, Digits digits) {
  return row.reduce(
      Sum{},
      [&](const Chunk& chunk) {
        alignas(64) double x[kChunk];
        read_without(row, tensor, chunk, maximum.peak.index, x);
        const std::size_t n = chunk.padded();
        return digits == Digits::of_double
                   ? HWY_DYNAMIC_DISPATCH(SumOfExpsLanes)(x, n, maximum.peak.max, maximum.exponent)
                   : HWY_DYNAMIC_DISPATCH(SumOfWeightsLanes)(x, n, maximum.peak.max, maximum.exponent);
      },
      std::plus());
}

}  // namespace karat::kernels
#endif
