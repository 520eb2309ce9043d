// SPDX-License-Identifier: MIT
// Whether every element of the outputs that were timed conforms.
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
std::optional<std::string> not_verifiable(const Plan& plan, const properties::Level& level);

// Two things are compared at every place of the outputs: what its pool element gave elsewhere (then it has
// been judged), or else something new, which is judged.
class Verifier {
 public:
  // `poison`: an output element's bits before the call.  References must outlive the verifier.
  Verifier(const Plan& plan, properties::Judge& judge, const properties::Level& level, Bits poison);

  // nullopt if all of it conforms, else one sentence: what, where, numbers.  `outputs`: the row's, each
  // dense.  May be called again with other outputs, and with other workloads of the same pool; what failed
  // once stays failed.
  std::optional<std::string> check(const Workload& workload, const std::vector<std::span<const std::byte>>& outputs);

  double max_ulp() const { return max_ulp_; }         // over finite results
  std::size_t distinct() const { return distinct_; }  // (pool element, result) pairs judged

 private:
  struct Noted {
    std::size_t element, place, output;  // of the pool's outputs together; of this output
    Bits result;
  };
  template <std::size_t Width>
  void compare(const Mapping& mapping, std::size_t output, const std::byte* data, std::size_t begin, std::size_t end, std::vector<Noted>& differing) const;
  void note(const Noted& noted);
  bool judge_noted(const Question& pool);
  // A result of the call as the pool's call would have it; nullopt: it has none such.
  std::optional<Bits> of_pool(std::size_t output, Bits result) const;
  std::string describe(const Question& question, const Noted& noted, Bits got, const properties::Judgement& judgement) const;

  const Plan& plan_;
  properties::Judge& judge_;
  properties::Level level_;
  Bits poison_;
  std::vector<std::size_t> begin_;              // by output: its first element among the pool's
  std::vector<Bits> usual_;                     // by pool element: the first result that was seen of it
  std::vector<char> seen_;                      // by pool element: whether there is one
  std::unordered_set<std::string> others_;      // further results: element, then bits
  std::vector<Noted> noted_;                    // not yet judged
  std::optional<std::string> failure_;
  double max_ulp_ = 0;
  std::size_t distinct_ = 0;
};

}  // namespace karat::bench
