// SPDX-License-Identifier: MIT
// Which extents of a call's tensors are one number: the channels of x and of w, the batch of x and of t.
// Found by asking the row's shapes function, so that calls can be grown, shrunk and taken apart without
// a word on any operator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "reference/operator.hpp"

namespace karat::properties {

// Whether the operator takes tensors of these shapes.
bool takes(const Operator& op, const Shapes& inputs, const Attributes& attributes);

// The inputs' shapes where those of dy, of a backward operator, are made to follow from the others.
// Throws Refused.
Shapes with_gradients(const Operator& op, Shapes inputs, const Attributes& attributes);

class Extents {
 public:
  struct Place {
    std::size_t input = 0, axis = 0;
  };
  struct Group {
    std::vector<Place> places;
    std::int64_t extent = 0;  // of the first place; others are multiples or shares of it
  };

  // Throws Refused if the operator does not take the shapes.
  Extents(const Operator& op, Shapes inputs, Attributes attributes);

  const Operator& op() const { return *op_; }
  const Attributes& attributes() const { return attributes_; }
  const Shapes& inputs() const { return inputs_; }
  // Each of them can be doubled; extents in no group are fixed.
  const std::vector<Group>& groups() const { return groups_; }
  std::vector<std::int64_t> values() const;  // of the groups
  // The inputs' shapes with other values; nullopt if the operator does not take them.
  std::optional<Shapes> with(const std::vector<std::int64_t>& values) const;
  // Every group as small as the others let it be, but not below `least`.
  std::vector<std::int64_t> smallest(std::int64_t least) const;

 private:
  std::optional<Shapes> scaled(const std::vector<Place>& places, std::int64_t numerator, std::int64_t denominator) const;
  std::optional<Group> group_of(const Place& first) const;
  bool grouped(const Place& place) const;

  const Operator* op_;
  Shapes inputs_;
  Attributes attributes_;
  std::size_t first_root_ = 0;  // inputs before it follow from the others
  std::vector<Group> groups_;
};

}  // namespace karat::properties
