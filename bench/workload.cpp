// SPDX-License-Identifier: MIT
#include "bench/workload.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <sstream>

#include "properties/case.hpp"
#include "properties/generate.hpp"
#include "properties/nearest.hpp"
#include "properties/parallel.hpp"
#include "properties/replay.hpp"
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

std::size_t width_of(const Question& q, std::size_t input) {
  return q.op->inputs[input].index ? sizeof(std::int64_t) : static_cast<std::size_t>(q.format->bytes());
}
std::uint64_t input_bytes(const Question& q) {
  std::uint64_t bytes = 0;
  for (std::size_t t = 0; t < q.inputs.size(); ++t) bytes += q.inputs[t].values.size() * width_of(q, t);
  return bytes;
}

// "8x64x56x56"
std::optional<Shape> shape_from(const std::string& text) {
  if (text == "scalar") return Shape{};
  Shape shape;
  std::istringstream in(text);
  for (std::string extent; std::getline(in, extent, 'x');) {
    if (extent.empty() || extent.size() > 10 || extent.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    shape.push_back(std::stoll(extent));
  }
  if (shape.empty() || text.back() == 'x') return std::nullopt;
  return shape;
}

constexpr std::int64_t most_elements = std::int64_t{1} << 28;

}  // namespace

Question call_from(const Operator& op, const Format& f, const std::string& text, std::uint64_t seed) {
  using properties::ReplayError;
  Example example;
  example.shapes.assign(op.inputs.size(), Shape{0});
  std::vector<bool> named(op.inputs.size(), false);
  std::string attributes;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::string name = word.substr(0, word.find('='));
    const auto row = std::find_if(op.inputs.begin(), op.inputs.end(), [&](const InputRow& r) { return r.name == name; });
    if (row == op.inputs.end() || word.size() == name.size()) {
      attributes += (attributes.empty() ? "" : " ") + word;
      continue;
    }
    const auto t = static_cast<std::size_t>(row - op.inputs.begin());
    const auto shape = shape_from(word.substr(name.size() + 1));
    if (!shape) throw ReplayError(word + ": expected the shape of input " + name + ", such as " + name + "=8x64, or " + name + "=scalar");
    std::int64_t elements = 1;
    for (const std::int64_t extent : *shape) elements = extent > most_elements ? extent : std::min(most_elements + 1, elements * extent);
    if (elements > most_elements) throw ReplayError(word + ": expected at most " + std::to_string(most_elements) + " elements");
    example.shapes[t] = *shape;
    named[t] = true;
  }
  for (std::size_t t = 0; t < op.inputs.size(); ++t)
    if (!named[t] && !op.inputs[t].optional) throw ReplayError("input " + op.inputs[t].name + " of " + op.name + " has no shape: a call must say " + op.inputs[t].name + "=…, such as " + op.inputs[t].name + "=8x64");
  example.attributes = properties::parse_attributes(op, f, attributes).values;
  try {
    op.output_shapes(example.shapes, {example.attributes});
  } catch (const Refused& refused) {
    throw ReplayError(refused.what());
  }
  Question q = properties::filled(op, f, example, properties::Fill::usual, seed);
  if (const auto wrong = invalid(q)) throw ReplayError(*wrong);
  return q;
}

Workload::Workload(Question call) : pool_(std::move(call)), shape_(pool_.inputs.empty() ? Shape{} : pool_.inputs[0].shape), size_(1), positions_(1), length_(pool_.output_count()) {}

std::vector<std::byte> Workload::outputs(const std::vector<std::span<std::byte>>& storage) const {
  std::vector<std::byte> all;
  for (std::size_t j = 0; j < pool_.op->outputs.size(); ++j) {
    const std::span<std::byte> output = storage[properties::output_tensor(*pool_.op, j)];
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

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
  if (whole()) return input_bytes(pool_) + unit_bytes();
  const Operator& op = *pool_.op;
  return (op.inputs.size() + op.outputs.size()) * positions_ * unit_bytes();
}

double Workload::copy_share() const {
  const std::uint64_t copied = 2 * (whole() ? input_bytes(pool_) : pool_.inputs.size() * positions_ * unit_bytes());
  return static_cast<double>(call_bytes()) / static_cast<double>(copied);
}

Question Workload::question(std::span<const std::size_t> units) const {
  if (whole()) return pool_;
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
  for (std::size_t t = 0; t < pool_.inputs.size(); ++t) c.question.inputs.push_back({whole() ? pool_.inputs[t].shape : shape_, {}});
  // On a page's begin: as aligned as any allocator's.
  c.layout.placement = {host::Placement::Flush::start, 0};
  c.layout.threads = threads;
  return properties::call_spec(c, kernel);
}

void Workload::fill(const std::vector<std::span<std::byte>>& storage) const {
  if (whole()) {
    for (std::size_t t = 0; t < pool_.inputs.size(); ++t)
      for (std::size_t i = 0; i < pool_.inputs[t].values.size(); ++i)
        std::memcpy(storage[t].data() + i * width_of(pool_, t), &pool_.inputs[t].values[i], width_of(pool_, t));  // little-endian
    return;
  }
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
