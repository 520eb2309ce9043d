// SPDX-License-Identifier: MIT
// How many operations a call is: additions, multiplications, divisions, roots and elementary functions of
// the row's first accepted algorithm, each counted once, and those that it writes twice as well; comparisons,
// moves, scaling by powers of two, and what is made of attributes alone count nothing.  The algorithm's own
// template is run over Priced on small tensors, which leaves every operation on a tape, and the counts are carried
// to the call's extents: they are a polynomial of first degree in each of them, which is asked of a further point
// before it is believed.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "properties/extents.hpp"

namespace karat::bench {

using properties::Extents;

// What a tape of one call holds.
struct Tally {
  std::int64_t flops = 0, elementary = 0;  // of them exponentials and logarithms
  std::set<std::size_t> sums;              // numbers of terms that sums have
  double behind = 0;                       // operations behind a result, on average
};
// nullopt for calls too large for a tape, or that the operator refuses.
std::optional<Tally> tally(const Operator& op, const Shapes& inputs, const Attributes& attributes);

class Flops {
 public:
  explicit Flops(const Extents& extents);

  // Of a call with these values of the extents' groups; nullopt: not known.
  std::optional<double> at(const std::vector<std::int64_t>& values) const;

 private:
  struct Variable {
    std::size_t group = 0;
    std::int64_t base = 0, step = 1;
  };
  std::optional<Variable> variable(const Extents& extents, std::vector<std::int64_t> values, std::size_t group) const;

  bool known_ = false;
  std::vector<std::int64_t> fixed_;     // of groups that are no variables: their value
  std::vector<Variable> variables_;
  std::vector<double> differences_;     // of every subset of the variables, by its bits
};

}  // namespace karat::bench
