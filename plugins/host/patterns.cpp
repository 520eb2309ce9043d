// SPDX-License-Identifier: MIT
// Filling memory with a pattern, finding what changed, hashing.
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

std::uint64_t hash_bytes(const std::byte* begin, std::size_t bytes) {
  // Four lanes, so that it runs at memory speed.  Each step is a bijection of its lane: a
  // change of a single word always changes the result.
  constexpr std::uint64_t multiplier = 0x9e37'79b9'7f4a'7c15;  // 2^64 / golden ratio, odd
  std::uint64_t lanes[4] = {1, 2, 3, 4};
  const auto step = [](std::uint64_t lane, std::uint64_t word) {
    const std::uint64_t product = (lane ^ word) * multiplier;
    return product ^ product >> 32;
  };
  std::size_t i = 0;
  for (; i + 32 <= bytes; i += 32) {
    std::uint64_t words[4];
    std::memcpy(words, begin + i, 32);
    for (int k = 0; k < 4; ++k) lanes[k] = step(lanes[k], words[k]);
  }
  for (; i < bytes; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, begin + i, std::min<std::size_t>(8, bytes - i));
    lanes[0] = step(lanes[0], word);
  }
  std::uint64_t hash = bytes;
  for (const std::uint64_t lane : lanes) hash = step(hash, lane);
  return hash;
}

}  // namespace karat::host
