// SPDX-License-Identifier: MIT
#include "kernels/convolution/channel_sums.hpp"

#include <algorithm>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/streams.hpp"

namespace karat::kernels {
namespace {

constexpr std::int64_t kBuffer = 512;
constexpr std::int64_t kGrainElements = 1 << 15;
static_assert(kBuffer % static_cast<std::int64_t>(kPartialSums) == 0);

void add_elements(std::int32_t dtype, const std::byte* from, std::int64_t count, PartialSums& sums) {
  alignas(64) double buffer[kBuffer];
  const auto size = static_cast<std::int64_t>(element_size(dtype));
  for (std::int64_t i = 0; i < count; i += kBuffer) {
    const auto n = static_cast<std::size_t>(std::min(kBuffer, count - i));
    widen(dtype, from + i * size, n, buffer);
    add_numbers(buffer, n, dtype == KARAT_F64, sums);
  }
}

}  // namespace

void sum_channels(std::int32_t dtype, const void* tensor, std::int64_t batch, std::int64_t channels, std::int64_t inner,
                  void* sums, int threads) {
  const auto size = static_cast<std::int64_t>(element_size(dtype));
  const std::int64_t grain = std::max<std::int64_t>(1, kGrainElements / std::max<std::int64_t>(1, batch * inner));
  for_each_part(channels, grain, threads, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t c = begin; c < end; ++c) {
      PartialSums partial;
      for (std::int64_t n = 0; n < batch; ++n)
        add_elements(dtype, static_cast<const std::byte*>(tensor) + (n * channels + c) * inner * size, inner, partial);
      const double value = total(total_of(partial));
      narrow(dtype, &value, 1, static_cast<std::byte*>(sums) + c * size);
    }
  });
}

}  // namespace karat::kernels
