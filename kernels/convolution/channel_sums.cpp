// SPDX-License-Identifier: MIT
#include "kernels/convolution/channel_sums.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/streams.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/convolution/channel_sums.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Element {
  static constexpr int kIn = 1, kOut = 1;
  explicit Element(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = in[0]; }
};
void SumElementsFull(const StreamCall& call, PartialSums& sums) { SumStreams<Element, double, true>(call, sums); }
void SumElementsNarrow(const StreamCall& call, PartialSums& sums) { SumStreams<Element, double, false>(call, sums); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(SumElementsFull);
HWY_EXPORT(SumElementsNarrow);

constexpr std::int64_t kBuffer = 512;
constexpr std::int64_t kGrainElements = 1 << 15;
static_assert(kBuffer % static_cast<std::int64_t>(kPartialSums) == 0);

void add_elements(std::int32_t dtype, const std::byte* from, std::int64_t count, PartialSums& sums) {
  alignas(64) double buffer[kBuffer];
  const auto size = static_cast<std::int64_t>(element_size(dtype)), lanes = static_cast<std::int64_t>(kPartialSums);
  for (std::int64_t i = 0; i < count; i += kBuffer) {
    const std::int64_t n = std::min(kBuffer, count - i), padded = (n + lanes - 1) / lanes * lanes;
    widen(dtype, from + i * size, static_cast<std::size_t>(n), buffer);
    std::fill(buffer + n, buffer + padded, 0.0);
    StreamCall call;
    call.in[0] = buffer;
    call.step[0] = 1;
    call.count = static_cast<std::size_t>(padded);
    if (dtype == KARAT_F64)
      HWY_DYNAMIC_DISPATCH(SumElementsFull)(call, sums);
    else
      HWY_DYNAMIC_DISPATCH(SumElementsNarrow)(call, sums);
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
      Sum sum;
      for (std::size_t i = 0; i < kPartialSums; ++i)
        sum = add_terms(sum, Sum{partial.hi[i], std::isfinite(partial.hi[i]) ? partial.lo[i] : 0});
      const double value = total(sum);
      narrow(dtype, &value, 1, static_cast<std::byte*>(sums) + c * size);
    }
  });
}

}  // namespace karat::kernels
#endif
