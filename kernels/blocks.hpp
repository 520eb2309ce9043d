// SPDX-License-Identifier: MIT
// Work over blocks on several threads.
#pragma once

#include <cstdint>
#include <functional>

namespace karat::kernels {

// Calls body(begin, end) for parts of [0, count) of at most `grain`, on at most `threads`
// threads.  Where the parts begin depends on count and grain alone.  On the calling thread
// if there is only one part or one thread.
void for_each_part(std::int64_t count, std::int64_t grain, int threads,
                   const std::function<void(std::int64_t begin, std::int64_t end)>& body);

}  // namespace karat::kernels
