// SPDX-License-Identifier: MIT
#include "bench/repeats.hpp"

#include <algorithm>
#include <numeric>
#include <random>

#include "bench/draw.hpp"
#include "reference/numbers/precision.hpp"
#include "reference/numbers/real.hpp"

namespace karat::bench {
namespace {

constexpr int bits = 256, agreeing_bits = 200;
constexpr std::int64_t samples = 3, fewest = 4;  // of a trial; extents worth taking apart
constexpr std::int64_t most_elements = 1 << 14;  // of a trial

// The axis along which two shapes differ, by `from` and `to`: nullopt if they are equal.  `fits` is false
// if they differ in any other way.
std::optional<std::size_t> moved_axis(const Shape& once, const Shape& twice, std::int64_t from, std::int64_t to, bool& fits) {
  std::optional<std::size_t> axis;
  if (once.size() != twice.size()) fits = false;
  for (std::size_t d = 0; fits && d < once.size(); ++d) {
    if (once[d] == twice[d]) continue;
    fits = !axis && once[d] == from && twice[d] == to;
    axis = d;
  }
  return axis;
}

// `sample` of a flat index into a tensor, and the index into one with other samples along the axis.
struct Along {
  std::int64_t extent, inner;
  Along(const Shape& shape, std::size_t axis) : extent(shape[axis]), inner(1) {
    for (std::size_t d = axis + 1; d < shape.size(); ++d) inner *= shape[d];
  }
  std::int64_t sample(std::int64_t flat) const { return flat / inner % extent; }
  std::int64_t moved(std::int64_t flat, std::int64_t to, std::int64_t extents) const { return (flat / inner / extent * extents + to) * inner + flat % inner; }
};

// Inputs of sample `from[i]` at place i; samples beyond the first question's are the second's.
Question arranged(const Question& a, const Question& b, const Shapes& shapes, const Repeat& repeat, const std::vector<std::int64_t>& from) {
  Question q{a.op, a.format, {}, a.attributes};
  for (std::size_t t = 0; t < shapes.size(); ++t) {
    if (!repeat.inputs[t]) {
      q.inputs.push_back(a.inputs[t]);
      continue;
    }
    Tensor<Bits> tensor(shapes[t]);
    const Along along(shapes[t], *repeat.inputs[t]);
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      const std::int64_t sample = from[static_cast<std::size_t>(along.sample(static_cast<std::int64_t>(i)))];
      const Question& source = sample < samples ? a : b;
      tensor.values[i] = source.inputs[t].values[static_cast<std::size_t>(along.moved(static_cast<std::int64_t>(i), sample % samples, samples))];
    }
    q.inputs.push_back(std::move(tensor));
  }
  return q;
}

bool close(const Real& x, const Real& y) { return x == y || abs(x - y) <= ldexp(abs(y), -agreeing_bits); }

// Whether output j of `whole` is 2^scale of those in `parts`, sample from[i] at place i.
bool follows(const std::vector<Real>& whole, std::size_t begin, const Shape& shape, std::optional<std::size_t> axis, int scale,
             const std::vector<Real>& a, const std::vector<Real>& b, std::size_t part_begin, const std::vector<std::int64_t>& from) {
  const auto count = static_cast<std::int64_t>(element_count(shape));
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t source = i;
    const std::vector<Real>* part = &a;
    if (axis) {
      const Along along(shape, *axis);
      const std::int64_t sample = from[static_cast<std::size_t>(along.sample(i))];
      part = sample < samples ? &a : &b;
      source = along.moved(i, sample % samples, samples);
    }
    const Real& expected = (*part)[part_begin + static_cast<std::size_t>(source)];
    if (!close(whole[begin + static_cast<std::size_t>(i)], ldexp(expected, scale))) return false;
  }
  return true;
}

std::optional<Repeat> tried(const Extents& extents, std::size_t group) {
  const Operator& op = extents.op();
  if (extents.groups()[group].extent < fewest) return std::nullopt;
  std::vector<std::int64_t> values = extents.smallest(2);
  values[group] = samples;
  const auto once = extents.with(values);
  values[group] = 2 * samples;
  const auto twice = extents.with(values);
  if (!once || !twice) return std::nullopt;
  std::int64_t elements = 0;
  for (const Shape& shape : *twice) elements += element_count(shape);
  if (elements > most_elements) return std::nullopt;
  Repeat repeat;
  bool fits = true;
  for (std::size_t t = 0; t < once->size(); ++t) repeat.inputs.push_back(moved_axis((*once)[t], (*twice)[t], samples, 2 * samples, fits));
  const Shapes y_once = op.output_shapes(*once, extents.attributes()), y_twice = op.output_shapes(*twice, extents.attributes());
  for (std::size_t j = 0; j < y_once.size(); ++j) repeat.outputs.push_back(moved_axis(y_once[j], y_twice[j], samples, 2 * samples, fits));
  if (!fits) return std::nullopt;
  repeat.independent = std::all_of(repeat.outputs.begin(), repeat.outputs.end(), [](const auto& axis) { return axis.has_value(); });

  const PrecisionScope scope(bits);
  std::mt19937_64 random(7);
  for (const std::uint64_t seed : {1, 2}) {
    const Question a = drawn(op, format(Dtype::f32), *once, extents.attributes(), seed);
    Question b = drawn(op, format(Dtype::f32), *once, extents.attributes(), seed + 100);
    for (std::size_t t = 0; t < b.inputs.size(); ++t)
      if (!repeat.inputs[t]) b.inputs[t] = a.inputs[t];
    std::vector<std::int64_t> different(2 * samples), again(2 * samples);
    std::iota(different.begin(), different.end(), 0);
    for (std::int64_t i = 0; i < 2 * samples; ++i) again[static_cast<std::size_t>(i)] = i % samples;
    std::shuffle(again.begin(), again.end(), random);
    const Question repeated = arranged(a, b, *twice, repeat, again), joined = arranged(a, b, *twice, repeat, different);
    if (invalid(repeated) || invalid(joined) || invalid(b)) return std::nullopt;
    const std::vector<Real> y_a = witness(a), y_b = witness(b), y_repeated = witness(repeated), y_joined = witness(joined);
    std::size_t begin = 0, part_begin = 0;
    for (std::size_t j = 0; j < y_twice.size(); ++j) {
      const auto of_twice = [&](int s) { return follows(y_repeated, begin, y_twice[j], repeat.outputs[j], s, y_a, y_b, part_begin, again); };
      if (seed == 1) {
        int scale = -1;
        while (scale <= 1 && !of_twice(scale)) ++scale;
        repeat.scale.push_back(of_twice(0) ? 0 : scale);  // of zeros: any
      }
      if (repeat.scale[j] > 1 || !of_twice(repeat.scale[j])) return std::nullopt;
      repeat.independent = repeat.independent && repeat.scale[j] == 0 && follows(y_joined, begin, y_twice[j], repeat.outputs[j], 0, y_a, y_b, part_begin, different);
      begin += static_cast<std::size_t>(element_count(y_twice[j]));
      part_begin += static_cast<std::size_t>(element_count(y_once[j]));
    }
  }
  return repeat;
}

}  // namespace

std::vector<std::optional<Repeat>> repeats_of(const Extents& extents) {
  std::vector<std::optional<Repeat>> all;
  for (std::size_t g = 0; g < extents.groups().size(); ++g) {
    std::optional<Repeat> repeat;
    try {
      repeat = tried(extents, g);
    } catch (const Refused&) {  // no values of such small tensors are taken
    }
    all.push_back(std::move(repeat));
  }
  return all;
}

}  // namespace karat::bench
