// SPDX-License-Identifier: MIT
#include "bench/workload.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>

#include "bench/draw.hpp"
#include "plugins/worker/flush.hpp"
#include "properties/case.hpp"
#include "properties/parallel.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t grain = 1 << 15;  // elements

// Every sample as often as every other, in an order that nothing in a kernel can learn.
std::vector<std::uint32_t> shuffled_places(std::int64_t extent, std::int64_t pool, std::mt19937_64& random) {
  std::vector<std::uint32_t> places(static_cast<std::size_t>(extent));
  const auto samples = static_cast<std::size_t>(pool);
  for (std::size_t begin = 0; begin < places.size(); begin += samples) {
    const std::size_t end = std::min(places.size(), begin + samples);
    std::uint32_t next = 0;
    // The last block may be shorter: of the samples a part.
    for (std::size_t i = begin; i < end; ++i) places[i] = next++;
    for (std::size_t i = end - 1; i > begin; --i) std::swap(places[i], places[begin + random() % (i - begin + 1)]);
  }
  return places;
}

}  // namespace

Mapping::Mapping(const Shape& shape, const Shape& pool, std::vector<const std::vector<std::uint32_t>*> places) {
  std::size_t stride = 1, d = shape.size();
  while (d > 0 && !places[d - 1]) {  // one run in both
    length_ *= static_cast<std::size_t>(shape[d - 1]);
    stride *= static_cast<std::size_t>(pool[d - 1]);
    --d;
  }
  if (d == shape.size() && d > 0) {
    length_ = static_cast<std::size_t>(shape[d - 1]);
    stride = static_cast<std::size_t>(pool[d - 1]);
    last_ = places[d - 1];
    --d;
  }
  for (; d > 0; --d) {
    outer_.push_back({static_cast<std::size_t>(shape[d - 1]), stride, places[d - 1]});
    stride *= static_cast<std::size_t>(pool[d - 1]);
  }
}

std::size_t Mapping::pool_line(std::size_t line) const {
  std::size_t at = 0;
  for (const Axis& axis : outer_) {
    const std::size_t index = line % axis.extent;
    line /= axis.extent;
    at += (axis.places ? (*axis.places)[index] : index) * axis.stride;
  }
  return at;
}

Workload::Workload(const Plan& plan, std::uint64_t values, std::uint64_t places)
    : plan_(plan), pool_(drawn(*plan.op, *plan.format, plan.pool_inputs, plan.attributes, values)) {
  std::mt19937_64 random(places ^ 0x5851'f42d'4c95'7f2d);
  for (const Pooled& p : plan.pooled) places_.push_back(shuffled_places(p.extent, p.pool, random));
  const auto mapping = [&](const Shape& shape, const Shape& pool, auto axis_of) {
    std::vector<const std::vector<std::uint32_t>*> along(shape.size(), nullptr);
    for (std::size_t g = 0; g < plan.pooled.size(); ++g)
      if (const auto axis = axis_of(plan.pooled[g].repeat)) along[*axis] = &places_[g];
    return Mapping(shape, pool, std::move(along));
  };
  for (std::size_t t = 0; t < plan.inputs.size(); ++t)
    inputs_.push_back(mapping(plan.inputs[t], plan.pool_inputs[t], [&](const Repeat& r) { return r.inputs[t]; }));
  for (std::size_t j = 0; j < plan.outputs.size(); ++j)
    outputs_.push_back(mapping(plan.outputs[j], plan.pool_outputs[j], [&](const Repeat& r) { return r.outputs[j]; }));
}

host::CallSpec Workload::call(const host::KernelRow& kernel, int threads, std::uint64_t seed) const {
  properties::Case c;
  c.question = {plan_.op, plan_.format, {}, plan_.attributes};
  for (const Shape& shape : plan_.inputs) c.question.inputs.push_back({shape, {}});
  c.layout.threads = threads;
  host::CallSpec call = properties::call_spec(c, kernel.index);
  std::mt19937_64 random(seed);
  const std::size_t step = std::lcm(cache_line, static_cast<std::size_t>(std::max(kernel.min_alignment, 1)));
  for (host::TensorSpec& tensor : call.tensors) tensor.placement = {host::Placement::Flush::start, step * (random() % std::max<std::size_t>(1, 4096 / step))};
  return call;
}

void Workload::fill(const std::vector<std::span<std::byte>>& storage) const {
  for (std::size_t t = 0; t < inputs_.size(); ++t) {
    const std::size_t width = width_of(*plan_.op, *plan_.format, t);
    const std::vector<Bits>& values = pool_.inputs[t].values;
    std::vector<std::byte> packed(values.size() * width);
    for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(packed.data() + i * width, &values[i], width);  // little-endian
    const auto fill_elements = [&]<std::size_t Width>(std::integral_constant<std::size_t, Width>) {
      properties::parallel_ranges(0, static_cast<std::size_t>(element_count(plan_.inputs[t])), grain, [&](std::size_t from, std::size_t to_end) {
        inputs_[t].for_each_run(from, to_end, [&](std::size_t first, std::size_t pool, std::size_t count, const std::uint32_t* places) {
          std::byte* const to = storage[t].data() + first * Width;
          const std::byte* const source = packed.data() + pool * Width;
          if (!places) {
            std::memcpy(to, source, count * Width);
            return;
          }
          for (std::size_t j = 0; j < count; ++j) std::memcpy(to + j * Width, source + places[j] * Width, Width);
        });
      });
    };
    if (width == 2) fill_elements(std::integral_constant<std::size_t, 2>());
    if (width == 4) fill_elements(std::integral_constant<std::size_t, 4>());
    if (width == 8) fill_elements(std::integral_constant<std::size_t, 8>());
  }
}

}  // namespace karat::bench
