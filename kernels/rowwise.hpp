// SPDX-License-Identifier: MIT
// Operators along an axis: each row, all elements that differ in the index of that axis alone,
// is computed by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/blocks.hpp"
#include "kernels/call.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/sum.hpp"
#include "kernels/uniform.hpp"

namespace karat::kernels {

// Part of a row that is worked on at a time, as doubles.
inline constexpr std::size_t kChunk = 512;
static_assert(kChunk % kLaneGroup == 0);

struct Chunk {
  std::int64_t begin;
  std::size_t n;
  std::size_t padded() const { return (n + kLaneGroup - 1) / kLaneGroup * kLaneGroup; }
};

class Row {
 public:
  Row(const Call& call, int inputs, int axis, const std::array<std::byte*, kUniformTensors>& first, int threads);

  std::int64_t length() const { return length_; }
  double element(int tensor, std::int64_t i) const;
  // The chunk's elements, and `padding` up to padded().
  void read(int tensor, const Chunk& chunk, double padding, double* to) const;
  void write(const Chunk& chunk, const double* from) const;
  void write_all(double value) const;

  void for_each_chunk(const std::function<void(const Chunk&)>& body) const;

  // Folds what `part` says of each chunk, in the order of the chunks whatever the threads.
  template <class Result, class Part, class Combine>
  Result reduce(Result result, const Part& part, const Combine& combine) const {
    const std::int64_t chunks = (length_ - 1) / static_cast<std::int64_t>(kChunk) + 1;
    if (threads_ == 1 || chunks == 1) {
      for (std::int64_t i = 0; i < chunks; ++i) result = combine(result, part(chunk(i)));
      return result;
    }
    std::vector<Result> parts(static_cast<std::size_t>(chunks));
    for_each_part(chunks, kChunksOfATask, threads_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) parts[static_cast<std::size_t>(i)] = part(chunk(i));
    });
    for (const Result& each : parts) result = combine(result, each);
    return result;
  }

 private:
  static constexpr std::int64_t kChunksOfATask = 16;
  Chunk chunk(std::int64_t i) const;
  std::byte* at(int tensor, std::int64_t i) const;

  std::int32_t dtype_;
  int output_;
  int threads_;
  std::int64_t length_;
  std::array<std::byte*, kUniformTensors> data_;
  std::array<std::int64_t, kUniformTensors> step_{};
};

using RowFunction = void (*)(const Row& row);

class Rowwise final : public Uniform {
 public:
  // The first attribute is the axis.  `narrow` computes f32, f16 and bf16 tensors.
  Rowwise(const Description& description, RowFunction full, RowFunction narrow)
      : Uniform(description), full_(full), narrow_(narrow) {}

  using Uniform::run;
  void run(const Call& call) const override;

 private:
  RowFunction full_, narrow_;
};

// For Description::declines.
const char* declines_axis(const double* attributes, int rank);

// A row's largest element, its first position, and the largest of the others; NaN left out.
struct Peak {
  double max = -std::numeric_limits<double>::infinity();
  double second = -std::numeric_limits<double>::infinity();
  std::int64_t index = 0;
};

// The largest |x| of a row, NaN left out; 0 if there is none.
double largest_magnitude(const Row& row, int tensor);

Peak find_peak(const Row& row, int tensor);

// A chunk of the row, -∞ (which weighs nothing) in the place of `without`.
void read_without(const Row& row, int tensor, const Chunk& chunk, std::int64_t without, double* to);

}  // namespace karat::kernels
