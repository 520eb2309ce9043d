// SPDX-License-Identifier: MIT
// The inputs of a benchmark.  A tensor is made of units (elements; rows, for operators along an
// axis) drawn from a pool of distinct ones, so that each distinct (unit, result) needs judging
// only once, however large the tensor is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "reference/exact.hpp"

namespace karat::bench {

class Workload {
 public:
  // Shape (n), or (rows, n) for an operator along an axis: axis 1.  Other attributes are
  // standard.  Values are uniform over the row's typical ones within [-8, 8].
  Workload(const Operator& op, const Format& f, Shape shape, std::uint64_t seed);
  // Of an operator on tensors of any shapes: the call itself is the one unit.
  explicit Workload(Question call);

  bool whole() const { return pool_.op->independence == Independence::whole; }

  const Shape& shape() const { return shape_; }
  std::size_t elements() const { return positions_ * length_; }
  std::size_t positions() const { return positions_; }  // units in the tensor
  std::size_t length() const { return length_; }        // elements in a unit
  std::size_t unit_bytes() const { return length_ * static_cast<std::size_t>(pool_.format->bytes()); }
  std::uint64_t call_bytes() const;  // read and written by one call
  // Outputs, as Worker::prepare gives them, one behind the other.
  std::vector<std::byte> outputs(const std::vector<std::span<std::byte>>& storage) const;
  // Of the bytes that a copy moves, which reads and writes every input, where a call writes one
  // output only: a copy of the same bytes takes this share of its time.
  double copy_share() const;

  // The pool as one question: unit u is element u, or row u.
  const Question& pool() const { return pool_; }
  std::size_t pool_size() const { return size_; }
  // The question made of these units of the pool.
  Question question(std::span<const std::size_t> units) const;

  // The unit at a position (of one: 0): in random order, so that nothing in a kernel can learn it.
  std::size_t unit_at(std::size_t position) const {
    std::uint64_t z = (position + 1) * 0x9e37'79b9'7f4a'7c15 + salt_;  // SplitMix64
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return (z ^ z >> 31) & (size_ - 1);
  }

  host::CallSpec call(int kernel, int threads) const;
  // Fills the inputs; `storage` as Worker::prepare gives it.
  void fill(const std::vector<std::span<std::byte>>& storage) const;

 private:
  Question pool_;
  Shape shape_;
  std::size_t size_ = 0, positions_ = 0, length_ = 1;
  std::uint64_t salt_ = 0;
};

// "x=8x64x56x56 w=64x64x3x3 b=0 padding=[1,1,1,1]": shapes of inputs ("scalar": rank 0; an input that is
// not named and may be absent is) and attributes; values are drawn as the rows say.  Throws properties::ReplayError.
Question call_from(const Operator& op, const Format& f, const std::string& text, std::uint64_t seed);

}  // namespace karat::bench
