// SPDX-License-Identifier: MIT
// The two-sided measurement of the judge: right kernels, written in many ways, must raise no alarm;
// wrong ones must be caught, on every seed.  The same results under other rules stand beside.
//
// Kernels are plain float code (kernels.hpp) over rows of 2 to 300 elements that are easy, far from 0,
// of many exponents, or cancel; each is judged as a plugin's results are.  Right ones are also tried with
// inputs and results stored in bf16 and f16.  Exact answers and budgets are computed once for all kernels of
// an operator, dtype, seed, length and sort of row.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "properties/level.hpp"

namespace karat::properties::quality {

struct Rule {
  std::string name;
  Level level;
};

struct Side {
  std::int64_t judged = 0;   // results, or pairs of mutant and seed
  std::int64_t refused = 0;  // of right kernels an alarm, of wrong ones a catch
};

struct Figures {
  std::int64_t variants = 0, mutants = 0;
  std::vector<Side> right, wrong;  // one a rule
  // By the first rule: what it should not have refused, and what it never refused on some seed.
  std::vector<std::string> alarms, survivors;
};

// Rules after the first are there for comparison: so many seeds show them.
constexpr std::uint64_t seeds_of_other_rules = 20;

// Seeds 1 … seeds.  `progress` is asked from time to time with the share that is done; false ends it early.
Figures measure(std::uint64_t seeds, const std::vector<Rule>& rules, const std::function<bool(double)>& progress = [](double) { return true; });

// Of the sources of kernels, mutants and judge: a measurement of others is stale.
std::string source_hash();

}  // namespace karat::properties::quality
