// SPDX-License-Identifier: MIT
// Whether a call may be made of samples that come again and again, so that all of its results follow
// from those of a small call: a batch of 4096 rows of which 128 differ, a channel whose values come
// eight times.  Found by trying, for each group of extents, on small tensors at 256 bits: whether every
// output of the call whose samples come twice, in any order, is that of the call where they come once,
// sample by sample or as it stands, up to a factor of 2.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "properties/extents.hpp"

namespace karat::bench {

using properties::Extents;

struct Repeat {
  std::vector<std::optional<std::size_t>> inputs, outputs;  // by tensor: the axis that samples lie along
  std::vector<int> scale;    // by output: twice the samples give 2^scale of it
  bool independent = false;  // samples know nothing of each other: of outputs, only those beside them
};

// By group; nullopt: its samples may not come again.
std::vector<std::optional<Repeat>> repeats_of(const Extents& extents);

}  // namespace karat::bench
