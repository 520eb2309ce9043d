// SPDX-License-Identifier: MIT
// The exact answer to one call: enclosures of its outputs, to whatever precision a question
// about them needs.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "reference/numbers/format.hpp"
#include "reference/operator.hpp"

namespace karat {

// What is known of one exact output element: it lies in `value`, and strictly between `above`
// and `below` where those are given.
struct Answer {
  Enclosure value;
  std::optional<Enclosure> above, below;

  bool certainly_above(const Enclosure& x) const;     // y > x
  bool certainly_at_least(const Enclosure& x) const;  // y >= x
  bool certainly_below(const Enclosure& x) const;
  bool certainly_at_most(const Enclosure& x) const;
  // +1 or −1 if the sign is certain, else 0.
  int sign() const;
};

// A call as the reference sees it: the operator and exactly what the inputs' bits say.
struct Question {
  const Operator* op = nullptr;
  const Format* format = nullptr;
  Tensors<Bits> inputs;  // of an index input: the integers, in two's complement
  Attributes attributes;

  Shapes output_shapes() const;  // throws Refused
  std::size_t output_count() const;  // elements of all outputs
};

// The part of a question that can be answered by itself: one element of an elementwise
// operator, one slice of an operator along an axis (tensors of rank 1 then), else the whole.
// Elements of several outputs count on from one output to the next.
struct Unit {
  Question question;
  std::vector<std::size_t> outputs;  // flat indices of its elements in the whole output
};

std::size_t unit_count(const Question& question);
Unit unit(const Question& question, std::size_t index);

// Right results by the row; an empty entry is decided by the formula.  Without a rule of the row
// an element is NaN or ±∞ if Real says so and no enclosure of it is bounded.
std::vector<Specials> specials(const Question& question);

// Answers at the working precision.  Throws Undecided.
std::vector<Answer> answers(const Question& question);
// The same formula in Real: the independent witness.
std::vector<Real> witness(const Question& question);
// By the row's first accepted algorithm, in twice a double's digits, for a kernel that computes in
// `compute`: for operators on tensors of any shapes.  Throws Undecided.
std::vector<Compensated> compensated(const Question& question, const Format& compute, bool sequential_sums = false);

// What is wrong with the attributes of a call in this format, or nullopt.
std::optional<std::string> invalid_attributes(const Operator& op, const Format& f, const Attributes& attributes);
// What is wrong with a question (shapes, attributes), or nullopt.
std::optional<std::string> invalid(const Question& question);

}  // namespace karat
