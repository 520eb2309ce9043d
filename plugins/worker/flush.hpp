// SPDX-License-Identifier: MIT
// Takes memory out of the caches, of every core and every level.
#pragma once

#include <cpuid.h>
#include <emmintrin.h>

#include <cstddef>

namespace karat {

inline constexpr std::size_t cache_line = 64;  // of every x86-64 processor

namespace flush_detail {

// Many lines at once where the processor has it; clflush waits for each.
__attribute__((target("clflushopt"))) inline void lines_unordered(const std::byte* begin, const std::byte* end) {
  for (const std::byte* line = begin; line < end; line += cache_line) __builtin_ia32_clflushopt(line);
}

inline bool has_clflushopt() {
  static const bool has = [] {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 23 & 1) != 0;
  }();
  return has;
}

}  // namespace flush_detail

// The next access to any of these bytes goes to memory.
inline void flush_from_caches(const void* data, std::size_t bytes) {
  const auto* const first = static_cast<const std::byte*>(data);
  const std::byte* const begin = first - reinterpret_cast<std::size_t>(first) % cache_line;
  _mm_mfence();
  if (flush_detail::has_clflushopt())
    flush_detail::lines_unordered(begin, first + bytes);
  else
    for (const std::byte* line = begin; line < first + bytes; line += cache_line) _mm_clflush(line);
  _mm_mfence();
}

}  // namespace karat
