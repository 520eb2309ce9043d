// SPDX-License-Identifier: MIT
#include <algorithm>
#include <memory>

#include "properties/level.hpp"

namespace karat::properties {

Level with_compute_type(Level level, const Format& stored, std::int32_t code) {
  const auto all = formats();
  const auto compute = std::find_if(all.begin(), all.end(), [&](const Format& f) { return static_cast<std::int32_t>(f.dtype) == code; });
  if (compute == all.end() || compute->precision >= format(stored.compute).precision) return level;
  level.compute = compute->dtype;
  if (level.also) {
    Level also = *level.also;
    also.compute = compute->dtype;
    level.also = std::make_shared<const Level>(also);
  }
  return level;
}

}  // namespace karat::properties
