// SPDX-License-Identifier: MIT
#include "kernels/convolution/parts.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/convolution/lanes.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/convolution/convolution-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

void PatchFloats(const PatchProduct& of, const Block& block) { RunPatchProduct<float>(of, block); }
void PatchDoubles(const PatchProduct& of, const Block& block) { RunPatchProduct<double>(of, block); }
bool WeightsFloats(const WeightsProduct& of, const Block& block) { return RunWeightsProduct<float>(of, block); }
bool WeightsDoubles(const WeightsProduct& of, const Block& block) { return RunWeightsProduct<double>(of, block); }
bool FiniteFloats(float* numbers, std::int64_t count) { return MakeFinite(numbers, count); }
bool FiniteDoubles(double* numbers, std::int64_t count) { return MakeFinite(numbers, count); }
BlockLimits LimitsFloat() { return kLimits<float>; }
BlockLimits LimitsDouble() { return kLimits<double>; }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(PatchFloats);
HWY_EXPORT(PatchDoubles);
HWY_EXPORT(WeightsFloats);
HWY_EXPORT(WeightsDoubles);
HWY_EXPORT(FiniteFloats);
HWY_EXPORT(FiniteDoubles);
HWY_EXPORT(LimitsFloat);
HWY_EXPORT(LimitsDouble);

BlockLimits block_limits(float) { return HWY_DYNAMIC_DISPATCH(LimitsFloat)(); }
BlockLimits block_limits(double) { return HWY_DYNAMIC_DISPATCH(LimitsDouble)(); }
void run_part(const PatchProduct& of, const Block& block, float) { HWY_DYNAMIC_DISPATCH(PatchFloats)(of, block); }
void run_part(const PatchProduct& of, const Block& block, double) { HWY_DYNAMIC_DISPATCH(PatchDoubles)(of, block); }
bool run_part(const WeightsProduct& of, const Block& block, float) { return HWY_DYNAMIC_DISPATCH(WeightsFloats)(of, block); }
bool run_part(const WeightsProduct& of, const Block& block, double) { return HWY_DYNAMIC_DISPATCH(WeightsDoubles)(of, block); }
bool make_finite(float* numbers, std::int64_t count) { return HWY_DYNAMIC_DISPATCH(FiniteFloats)(numbers, count); }
bool make_finite(double* numbers, std::int64_t count) { return HWY_DYNAMIC_DISPATCH(FiniteDoubles)(numbers, count); }

}  // namespace karat::kernels
#endif
