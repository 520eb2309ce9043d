// SPDX-License-Identifier: MIT
// Whether every element of a timed output conforms.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "bench/workload.hpp"
#include "properties/judge.hpp"

namespace karat::bench {

// Why the outputs of such a call cannot be verified, or nullopt.
std::optional<std::string> not_verifiable(const Workload& workload, const properties::Level& level);

// Two things are compared at every position of the output: what the unit there gave elsewhere
// (then it has been judged), or else something new, which is judged: tensors of any shapes as a whole.
class Verifier {
 public:
  // `poison`: the element's bits before the call.  Both references must outlive the verifier.
  Verifier(const Workload& workload, properties::Judge& judge, const properties::Level& level, Bits poison);

  // nullopt if all of it conforms, else one sentence: what, where, numbers.  May be called
  // again with another output of the same call; what failed once stays failed.
  std::optional<std::string> check(std::span<const std::byte> output);

  double max_ulp() const { return max_ulp_; }         // over finite results
  std::size_t distinct() const { return distinct_; }  // (unit, result) pairs judged

 private:
  void compare(std::span<const std::byte> output, std::size_t begin, std::size_t end,
               std::vector<std::size_t>& differing) const;
  void note(std::size_t position, const std::byte* result);
  bool judge_noted();
  std::string describe(const Question& question, std::size_t element, Bits got,
                       const properties::Judgement& judgement, std::size_t where) const;

  const Workload& workload_;
  properties::Judge& judge_;
  properties::Level level_;
  Bits poison_;
  std::vector<std::byte> usual_;                // by unit: the first result that was seen of it
  std::vector<char> seen_;                      // by unit: whether there is one
  std::unordered_set<std::string> others_;      // further results: unit, then bytes
  std::vector<std::size_t> units_, positions_;  // noted, not yet judged
  std::vector<std::byte> results_;
  std::optional<std::string> failure_;
  double max_ulp_ = 0;
  std::size_t distinct_ = 0;
};

}  // namespace karat::bench
