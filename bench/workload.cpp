// SPDX-License-Identifier: MIT
#include "bench/workload.hpp"


#include <algorithm>
#include <cstring>
#include <random>

#include "properties/parallel.hpp"
#include "properties/case.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat::bench {
namespace {

// Powers of two.  The values of one input fit into L1 beside the tensors' own traffic when
// they are compared, and are more than a branch predictor learns.
constexpr std::size_t elements_in_pool = 4096, rows_in_pool = 16;

Interval usual(const InputRow& row) {
  const Interval clipped{std::max(row.typical.low, -8.0), std::min(row.typical.high, 8.0)};
  return clipped.low < clipped.high ? clipped : row.typical;
}

}  // namespace

Workload::Workload(const Operator& op, const Format& f, Shape shape, std::uint64_t seed)
    : pool_{&op, &f, {}, standard_attributes(op)}, shape_(std::move(shape)) {
  Shape pool_shape;
  if (op.independence == Independence::elementwise) {
    size_ = elements_in_pool;
    positions_ = static_cast<std::size_t>(element_count(shape_));
    pool_shape = {static_cast<std::int64_t>(size_)};
  } else {
    size_ = rows_in_pool;
    positions_ = static_cast<std::size_t>(shape_[0]);
    length_ = static_cast<std::size_t>(shape_[1]);
    pool_shape = {static_cast<std::int64_t>(size_), shape_[1]};
    pool_.attributes.values["axis"] = std::int64_t{1};
  }
  std::mt19937_64 random(seed);
  for (const InputRow& row : op.inputs) {
    const Interval range = usual(row);
    Tensor<Bits> tensor(pool_shape);
    for (Bits& b : tensor.values) {
      const double share = static_cast<double>(random() >> 11) * 0x1p-53;
      b = round_nearest(f, truncated(range.low + (range.high - range.low) * share));
    }
    pool_.inputs.push_back(std::move(tensor));
  }
  salt_ = random();
}

std::uint64_t Workload::call_bytes() const {
  const Operator& op = *pool_.op;
  return (op.inputs.size() + op.outputs.size()) * positions_ * unit_bytes();
}

double Workload::copy_share() const {
  const std::uint64_t copied = 2 * pool_.inputs.size() * positions_ * unit_bytes();
  return static_cast<double>(call_bytes()) / static_cast<double>(copied);
}

Question Workload::question(std::span<const std::size_t> units) const {
  Question q{pool_.op, pool_.format, {}, pool_.attributes};
  Shape shape = pool_.inputs[0].shape;
  shape[0] = static_cast<std::int64_t>(units.size());
  for (const Tensor<Bits>& all : pool_.inputs) {
    Tensor<Bits> some(shape);
    for (std::size_t i = 0; i < units.size(); ++i)
      std::copy_n(all.values.begin() + static_cast<std::ptrdiff_t>(units[i] * length_), length_,
                  some.values.begin() + static_cast<std::ptrdiff_t>(i * length_));
    q.inputs.push_back(std::move(some));
  }
  return q;
}

host::CallSpec Workload::call(int kernel, int threads) const {
  properties::Case c;
  c.question = {pool_.op, pool_.format, {}, pool_.attributes};
  for (std::size_t t = 0; t < pool_.inputs.size(); ++t) c.question.inputs.push_back({shape_, {}});
  // On a page's begin: as aligned as any allocator's.
  c.layout.placement = {host::Placement::Flush::start, 0};
  c.layout.threads = threads;
  return properties::call_spec(c, kernel);
}

void Workload::fill(const std::vector<std::span<std::byte>>& storage) const {
  const auto width = static_cast<std::size_t>(pool_.format->bytes());
  const std::size_t bytes = unit_bytes();
  for (std::size_t t = 0; t < pool_.inputs.size(); ++t) {
    std::vector<std::byte> packed(size_ * bytes);
    const std::vector<Bits>& values = pool_.inputs[t].values;
    for (std::size_t i = 0; i < values.size(); ++i)
      std::memcpy(packed.data() + i * width, &values[i], width);  // little-endian
    std::byte* const to = storage[t].data();
    properties::parallel_ranges(0, positions_, 1 + 65'536 / bytes, [&](std::size_t from, std::size_t to_end) {
      for (std::size_t p = from; p < to_end; ++p)
        std::memcpy(to + p * bytes, packed.data() + unit_at(p) * bytes, bytes);
    });
  }
}

}  // namespace karat::bench
