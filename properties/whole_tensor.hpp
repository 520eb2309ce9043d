// SPDX-License-Identifier: MIT
// Judges every output of a call on tensors of any size, where a ball for each number or a tape of
// each rounding would not fit into memory or patience: sums of products, by the compensated evaluation
// (reference/numbers/compensated.hpp).  It gives each exact value to twice a double's digits with a
// bound that is of this very input, and bounds of the error budget from both sides; acceptance is that
// of acceptance.hpp.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "properties/acceptance.hpp"

namespace karat::properties {

// Few enough elements for a tape of every rounding: judged as a check does, unit by unit.
bool fits_tapes(const Question& question);

// Why an operator's tensors are not judged so, or nullopt.  Found by trying: on the row's examples, and
// on their shapes with these attributes, the values and budgets are those of enclosures and tapes.
std::optional<std::string> not_compensated(const Operator& op, const Attributes& attributes);

// Too large for tapes, and judged by what follows: no profile, and nothing of the above.
bool takes_whole_tensors(const Question& question, const Level& level);

// One judgement an output element; `error` where the bounds do not decide, which is rare and never a pass.
// Asks not_compensated() to be nullopt; `invalid(question)` too.
std::vector<Judgement> judge_whole_tensors(const Question& question, std::span<const Bits> got, const Level& level);

// The exact value of an output element, for people: "0x1.c73b0e21f94cap-2…".
std::string exact_in_whole_tensors(const Question& question, std::size_t element);

}  // namespace karat::properties
