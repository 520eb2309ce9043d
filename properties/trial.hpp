// SPDX-License-Identifier: MIT
// One case tried on one kernel: run, compared, judged.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "properties/execute.hpp"
#include "properties/judge.hpp"

namespace karat::properties {

struct Finding {
  Kind kind = Kind::inaccurate;
  std::optional<std::size_t> element;  // of the output; none for faults of the whole call
  std::string text;                    // for those
  double ulps = 0;
  double budget = 0;  // in ulps, where the level goes by it
  bool by_other = false;  // Level::also refuses it
};

struct Trial {
  std::optional<std::string> declined, error;  // not judged: the kernel's or the suite's reason
  std::vector<Finding> findings;
  Tensor<Bits> output;
  std::vector<Judgement> judgements;  // one an output element, if the call finished
  std::vector<std::string> notes;     // differences that are no failure, since nothing is claimed
};

// With `decoys` the kernel is called with others first; see execute().
Trial attempt(host::Worker& worker, const host::KernelRow& kernel, const Case& c, Judge& judge,
              bool decoys = false);

}  // namespace karat::properties
