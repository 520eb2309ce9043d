// SPDX-License-Identifier: MIT
// Whether one output element conforms.  A result `got` is accepted by a level if the exact
// value lies in a certain interval around it; the enclosure of the exact value decides that.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "properties/budget.hpp"
#include "properties/kind.hpp"
#include "properties/level.hpp"
#include "properties/profile.hpp"
#include "reference/exact.hpp"

namespace karat::properties {

struct Judgement {
  bool ok = false;
  bool error = false;            // the suite could not judge it: never a pass
  bool undecided = false;        // the precision cap left both answers possible; then ok
  bool rounded = false;          // correctly rounded
  Kind kind = Kind::inaccurate;  // if not ok
  double ulps = 0;               // |got − y| / ulp(y); NaN where a class differs
  double budget = 0;             // in ulps, where a budget was asked
  const char* policy = nullptr;  // accepted under this policy only
  bool other_zero = false;       // and under sign_of_zero
  bool by_other = false;         // not ok by Level::also, which must hold as well
};

// The budget, or with `quick` a lower bound of it that may already be enough.
using BudgetOf = std::function<Budget(bool quick)>;

// `limit` belongs to published rules.  nullopt: the precision does not decide.  With `last` (the cap) every answer is final.
// `budget` is asked where the level goes by it and got is not correctly rounded.
std::optional<Judgement> judge(const Level& level, const Format& f, Bits got, const Answer& exact, bool last,
                               const BudgetOf& budget = [](bool) { return Budget{.undefined = true}; }, const Limit* limit = nullptr);

// A result whose right values the row lists.
Judgement judge_special(const Format& f, Bits got, const Specials& right);

// All elements of a unit, at whatever precision each needs.
std::vector<Judgement> judge_unit(const Unit& unit, std::span<const Bits> got, const Level& level);

}  // namespace karat::properties
