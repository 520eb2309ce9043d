// SPDX-License-Identifier: MIT
// Error budgets: what a careful kernel can be off by, on one input.  The accepted algorithms of the
// operator's row are run on tapes that price every rounding (reference/numbers/priced.hpp): each
// as it stands, and with every node moved by its own cost in three random directions.  A budget is
// the largest of these, and no less than what such a trace itself is off by (where results do not move in
// proportion to their roundings); 0 where nothing rounds in any accepted algorithm, in whatever order.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "properties/level.hpp"
#include "reference/exact.hpp"

namespace karat::properties {

struct Budget {
  long double bound = 0;      // |got − y| before the last rounding
  bool out_of_range = false;  // an accepted algorithm overflows on this input
  bool undefined = false;     // no accepted algorithm gives a number
  bool moved_data = false;    // nothing is computed: an input, or 0, chosen
};

// What a level means by careful.
Care care_of(const Level& level);

class Budgets {
 public:
  // `compute`: of the arithmetic, where it is not the format's usual one.
  Budgets(const Question& question, const Care& care, std::optional<Dtype> compute = {});
  ~Budgets();

  // Of an element of all outputs.
  Budget at(std::size_t element);
  // By the first algorithm as it stands: no more than at(), and often enough.
  Budget at_least(std::size_t element);

  // Where the formula gives NaN: an accepted algorithm, moved by its own roundings, makes something else of it.
  bool singular(std::size_t element);

  // How much of it comes from constants that were made of attributes, in the first algorithm: 0 to 1.
  long double constants_share(std::size_t element);

  struct Algorithm {
    long double bound = 0;
    bool out_of_range = false;
    double value = 0;
    std::vector<PriceTape::Share> shares;  // largest first
  };
  // What it is made of: an entry an accepted algorithm, without the moved traces.
  std::vector<Algorithm> make_up(std::size_t element);

 private:
  struct Trace;
  Trace& trace(std::size_t k);  // of algorithm k / 4, as it stands and then moved

  // What traces are compared with.
  double center(std::size_t element);

  Question question_;
  Care care_;
  Dtype compute_;
  std::vector<double> exact_;  // of f64 arithmetic, whose traces round as a kernel does; made when it is asked for
  std::vector<std::unique_ptr<Trace>> traces_;  // made when they are asked for
};

}  // namespace karat::properties
