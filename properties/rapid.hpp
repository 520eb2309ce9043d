// SPDX-License-Identifier: MIT
// The only door to RapidCheck: random cases, and shrinking to the smallest that still fails.
#pragma once

#include <cstdint>
#include <functional>

#include "properties/case.hpp"

namespace karat::properties {

// The `index`-th random case of a seed: small tensors of any shape, layout and values that the
// kernel claims to take.
Case random_case(const Operator& op, const Format& f, const host::KernelRow& kernel, std::uint64_t seed,
                 int index);

// The `index`-th case of a law: the same without NaN, infinities and extremes.
Case law_case(const Operator& op, const Format& f, const host::KernelRow& kernel, const std::string& law,
              std::uint64_t seed, int index);

// A case beside another one: its numbers a few steps further, or among their simpler neighbours.
Case near_case(const Case& nearest, std::uint64_t seed, int index);

// The smallest case found from `failing` on that still fails: fewer elements first, then the
// plainest layout, then simpler values.  `fails` is asked at most `budget` times.
Case shrink(const Case& failing, const host::KernelRow& kernel, int budget,
            const std::function<bool(const Case&)>& fails);

// Only the tensor and layout, values as they are: the worst input stays the worst.
Case shrink_shape(const Case& failing, const host::KernelRow& kernel, int budget,
                  const std::function<bool(const Case&)>& fails);

}  // namespace karat::properties
