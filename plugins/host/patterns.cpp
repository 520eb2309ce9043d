// SPDX-License-Identifier: MIT
// Filling memory with a pattern, finding what changed, hashing.
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "plugins/host/layout.hpp"

namespace karat::host {
namespace {

// The pattern as it reads at `begin`.
std::uint64_t rotated(const std::byte* begin, const std::byte* origin, std::uint64_t pattern) {
  const auto phase = static_cast<unsigned>((begin - origin) & 7);
  return std::endian::native == std::endian::little ? std::rotr(pattern, static_cast<int>(8 * phase))
                                                    : std::rotl(pattern, static_cast<int>(8 * phase));
}

}  // namespace

std::uint64_t widen(std::uint64_t pattern, std::size_t element_bytes) {
  switch (element_bytes) {
    case 1:
      return (pattern & 0xff) * 0x0101'0101'0101'0101;
    case 2:
      return (pattern & 0xffff) * 0x0001'0001'0001'0001;
    case 4:
      return (pattern & 0xffff'ffff) * 0x0000'0001'0000'0001;
    default:
      return pattern;
  }
}

void fill_pattern(std::byte* begin, std::size_t bytes, const std::byte* origin, std::uint64_t pattern) {
  const std::uint64_t word = rotated(begin, origin, pattern);
  std::size_t i = 0;
  for (; i + 8 <= bytes; i += 8) std::memcpy(begin + i, &word, 8);
  std::memcpy(begin + i, &word, bytes - i);
}

std::size_t count_changed(const std::byte* begin, std::size_t bytes, const std::byte* origin,
                          std::uint64_t pattern, std::size_t* first) {
  const std::uint64_t word = rotated(begin, origin, pattern);
  std::size_t changed = 0;
  for (std::size_t i = 0; i < bytes; i += 8) {
    const std::size_t part = std::min<std::size_t>(8, bytes - i);
    if (std::memcmp(begin + i, &word, part) == 0) continue;
    for (std::size_t k = 0; k < part; ++k)
      if (std::memcmp(begin + i + k, reinterpret_cast<const char*>(&word) + k, 1) != 0) {
        if (changed == 0) *first = i + k;
        ++changed;
      }
  }
  return changed;
}

std::uint64_t hash_bytes(const std::byte* begin, std::size_t bytes) { return XXH3_64bits(begin, bytes); }

}  // namespace karat::host
