// SPDX-License-Identifier: MIT
#include "properties/acceptance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string_view>

#include "properties/laws/law.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// The exact values for which a result is right.  No end: unbounded on that side.
struct Interval {
  std::optional<Enclosure> low, high;
  bool closed = false;
};

// Yes, no, or neither at this precision.
std::optional<bool> lies_in(const Answer& y, const Interval& interval) {
  const auto& [low, high, closed] = interval;
  if (low && (closed ? y.certainly_below(*low) : y.certainly_at_most(*low))) return false;
  if (high && (closed ? y.certainly_above(*high) : y.certainly_at_least(*high))) return false;
  const bool above = !low || (closed ? y.certainly_at_least(*low) : y.certainly_above(*low));
  const bool below = !high || (closed ? y.certainly_at_most(*high) : y.certainly_below(*high));
  if (above && below) return true;
  return std::nullopt;
}

// The value at a position on the line of the format; one beyond the largest finite number
// stands 2^(e_max+1), where the next number would be.
Enclosure at(const Format& f, std::int64_t position) {
  const std::int64_t top = ordinal(f, f.infinity());
  if (position == top) return ldexp(Enclosure(1), f.e_max + 1);
  if (position == -top) return -ldexp(Enclosure(1), f.e_max + 1);
  return {f, from_ordinal(f, position)};
}

// Exact values that round to `got`.
Interval rounds_to(const Format& f, Bits got) {
  const std::int64_t n = ordinal(f, got), top = ordinal(f, f.infinity());
  const auto middle = [&](std::int64_t a) { return ldexp(at(f, a) + at(f, a + 1), -1); };
  Interval interval;
  if (n > -top) interval.low = middle(n - 1);
  if (n < top) interval.high = middle(n);
  interval.closed = (got & 1) == 0;  // ties go to even
  return interval;
}

// Exact values of which `got` is RD or RU: strictly between its neighbours.
Interval neighbours(const Format& f, Bits got) {
  const std::int64_t n = ordinal(f, got), top = ordinal(f, f.infinity());
  Interval interval;
  if (n > -(top - 1)) interval.low = at(f, n - 1);
  if (n < top - 1) interval.high = at(f, n + 1);
  return interval;
}

// ⌊log2|y|⌋ at the lower and upper end of |y|, not below that of the smallest normal number.
std::pair<long, long> binades(const Format& f, const Answer& y) {
  const auto exponent = [&](const Truncated& t) {
    const std::int64_t e = t.significand == 0 ? f.e_min : t.exponent + 63;
    return static_cast<long>(std::clamp<std::int64_t>(e, f.e_min, std::int64_t{1} << 30));
  };
  const Truncated a = y.value.lower(), b = y.value.upper();
  const bool straddles = a.negative != b.negative || a.significand == 0 || b.significand == 0;
  const long ea = exponent(a), eb = exponent(b);
  return {straddles ? f.e_min : std::min(ea, eb), std::max(ea, eb)};
}

Enclosure enclosed(long double b) {
  int exponent = 0;
  const long double m = std::frexp(b, &exponent);
  const auto nearest = static_cast<double>(m);  // rounded up to a double: a bound
  return ldexp(Enclosure(static_cast<long double>(nearest) < m ? std::nextafter(nearest, 2.0) : nearest), exponent);
}

// RN(y − B) ≤ got ≤ RN(y + B): what rounds to got lies within B of y.
std::optional<bool> within_budget(const Format& f, const Budget& budget, Bits got, const Answer& y) {
  Interval interval = rounds_to(f, got);
  if (budget.bound > 0) {
    const Enclosure b = enclosed(budget.bound);
    if (interval.low) interval.low = *interval.low - b;
    if (interval.high) interval.high = *interval.high + b;
  }
  return lies_in(y, interval);
}

// A subnormal result, or one beside them: an error up to the smallest normal number, so that a
// result that was flushed conforms.
std::optional<bool> among_subnormals(const Format& f, Bits got, const Answer& y) {
  const Enclosure least(f, f.min_normal()), g = at(f, ordinal(f, got));
  const Interval near{-ldexp(least, 1), ldexp(least, 1), true}, close{g - least, g + least, true};
  const auto a = lies_in(y, near), b = lies_in(y, close);
  if (a && b) return *a && *b;
  if ((a && !*a) || (b && !*b)) return false;
  return std::nullopt;
}

std::optional<bool> within_ulps(const Format& f, double ulps, Bits got, const Answer& y) {
  // An infinite result stands for 2^(e_max+1), and is right for everything beyond.
  const Enclosure g = at(f, ordinal(f, got));
  if (is_infinite(f, got) && (is_negative(f, got) ? y.certainly_at_most(g) : y.certainly_at_least(g)))
    return true;
  if (!y.value.is_bounded()) return std::nullopt;
  const auto [low, high] = binades(f, y);
  const Enclosure error = abs(g - y.value);
  const Enclosure allowed(ulps);
  if (error.certainly_at_most(ldexp(allowed, low - f.fraction_bits()))) return true;
  if (ldexp(allowed, high - f.fraction_bits()).certainly_below(error)) return false;
  return std::nullopt;
}

// What a published rule allows; a result that is infinite stands for 2^(e_max+1), and is right for all beyond.
std::optional<bool> within_limit(const Format& f, const Limit& limit, Bits got, const Answer& y) {
  const Enclosure g = at(f, ordinal(f, got));
  if (is_infinite(f, got) && (is_negative(f, got) ? y.certainly_at_most(g) : y.certainly_at_least(g))) return true;
  if (!y.value.is_bounded()) return std::nullopt;
  const auto [low, high] = binades(f, y);
  const auto allowed = [&](long binade) {
    const Enclosure within = Enclosure(limit.absolute) + Enclosure(limit.relative) * max(abs(y.value), Enclosure(limit.floor)) + ldexp(Enclosure(limit.ulps), binade - f.fraction_bits());
    return max(within, Enclosure(limit.least));
  };
  const Enclosure error = abs(g - y.value);
  if (error.certainly_at_most(allowed(low))) return true;
  if (allowed(high).certainly_below(error)) return false;
  return std::nullopt;
}

double ulps_between(const Format& f, Bits got, const Answer& y) {
  const auto [low, high] = binades(f, y);
  return ldexp(abs(at(f, ordinal(f, got)) - y.value), f.fraction_bits() - high).midpoint();
}

}  // namespace

std::optional<Judgement> judge(const Level& level, const Format& f, Bits got, const Answer& exact,
                               bool last, const BudgetOf& budget_of, const Limit* limit) {
  Judgement j;
  if (is_nan(f, got)) {
    j.kind = Kind::special_value;
    j.ulps = not_a_number;
    if (by_budget(level) && budget_of(false).out_of_range) {
      j.ok = true;
      j.policy = "out_of_range";
    }
    return j;
  }
  const std::optional<bool> rounded = lies_in(exact, rounds_to(f, got));
  std::optional<bool> accepted;
  switch (level.rule) {
    case Level::Rule::exact:
      accepted = rounded;
      break;
    case Level::Rule::faithful:
      accepted = lies_in(exact, neighbours(f, got));
      break;
    case Level::Rule::max_ulp:
      accepted = within_ulps(f, level.ulps, got, exact);
      break;
    case Level::Rule::published:
      if (!limit) {  // nobody looked up the rule of this operator
        j.error = true;
        return j;
      }
      accepted = within_limit(f, *limit, got, exact);
      if (accepted && !*accepted && level.profile->accepts("subnormal_result")) {
        accepted = among_subnormals(f, got, exact);
        if (accepted && *accepted) j.policy = "subnormal_result";
      }
      break;
    case Level::Rule::stable:
    case Level::Rule::permissive: {
      if (rounded && *rounded) {
        accepted = true;
        break;
      }
      if (!rounded && !last) return std::nullopt;
      Budget budget = budget_of(true);
      const bool enough = budget.bound > 0 && within_budget(f, budget, got, exact).value_or(false);
      if (!enough) budget = budget_of(false);
      if (budget.undefined) {
        j.error = true;
        return j;
      }
      if (exact.value.is_bounded() && !budget.out_of_range)
        j.budget = ldexp(enclosed(budget.bound), f.fraction_bits() - binades(f, exact).second).midpoint();
      if (budget.out_of_range) {
        accepted = true;
        j.policy = "out_of_range";
        break;
      }
      accepted = within_budget(f, budget, got, exact);
      if (accepted && !*accepted && !budget.moved_data) {
        accepted = among_subnormals(f, got, exact);
        if (accepted && *accepted) j.policy = "subnormal_result";
      }
      break;
    }
  }
  if (!last && (!accepted || !rounded)) return std::nullopt;
  if (!last && !*accepted && exact.value.is_bounded()) {  // wrong for certain; how wrong is not seen yet
    const auto [low, high] = binades(f, exact);
    if (high - low > 1) return std::nullopt;
  }
  if (!accepted && !exact.value.is_bounded()) {
    j.error = true;
    return j;
  }
  j.undecided = !accepted;
  j.ok = accepted.value_or(true);
  j.rounded = rounded.value_or(false);
  j.ulps = exact.value.is_bounded() ? ulps_between(f, got, exact) : 0;
  if (is_infinite(f, got)) j.ulps = j.ok ? 0 : not_a_number;
  if (!j.ok) {
    // A difference in class: an infinity for a number that does not overflow, or the reverse.
    const Interval overflow = rounds_to(f, is_negative(f, got) ? f.infinity() | f.sign_mask() : f.infinity());
    const bool overflows = lies_in(exact, overflow).value_or(false);
    if (is_infinite(f, got) != overflows) j.kind = Kind::special_value;
  } else if (is_zero(f, got)) {
    const int sign = exact.sign();
    const bool wrong_sign = sign != 0 && (sign < 0) != is_negative(f, got);
    if (wrong_sign && level.rule == Level::Rule::exact) {
      j.ok = false;
      j.kind = Kind::special_value;
    }
    j.other_zero = wrong_sign;
  }
  return j;
}

Judgement judge_special(const Format& f, Bits got, const Specials& right) {
  Judgement j;
  j.kind = Kind::special_value;
  for (const Special& s : right) {
    if (s.unjudged) {
      j.ok = true;
      j.policy = "not_judged";
    } else if (std::isnan(s.value)) {
      j.ok = is_nan(f, got);
      j.policy = s.policy;
    } else {
      const auto bits = exact_bits(f, s.value);
      // A number that the format lacks stands for its two neighbours.
      j.ok = bits ? got == *bits
                  : got == round_down(f, truncated(s.value)) || got == round_up(f, truncated(s.value));
      j.policy = s.policy;
    }
    if (j.ok) break;
  }
  if (!j.ok) j.policy = nullptr;
  j.rounded = j.ok;
  j.ulps = j.ok ? 0 : not_a_number;
  return j;
}

namespace {

std::vector<Judgement> judge_elements(const Unit& unit, std::span<const Bits> got, const Level& level) {
  const Format& f = *unit.question.format;
  const std::vector<Specials> by_row = specials(unit.question);
  std::vector<Judgement> result(got.size());
  std::vector<std::size_t> pending;
  std::unique_ptr<Budgets> budgets;
  const auto budgeted = [&]() -> Budgets& {
    if (!budgets) budgets = std::make_unique<Budgets>(unit.question, care_of(level), level.compute);
    return *budgets;
  };
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (by_row[i].empty()) {
      pending.push_back(i);
      result[i].error = true;  // until it is judged
    } else {
      result[i] = judge_special(f, got[i], by_row[i]);
      // 0/0 by the formula alone: roundings decide what a kernel makes of it.
      if (!result[i].ok && std::isnan(by_row[i][0].value) && by_budget(level) && !unit.question.op->specials && budgeted().singular(i)) {
        result[i].ok = true;
        result[i].policy = "singular";
      }
    }
  }
  if (pending.empty()) return result;
  const std::vector<Limit> limits = level.published ? limits_of(*level.published, unit.question) : std::vector<Limit>();
  decide([&](int bits) -> std::optional<bool> {
    const std::vector<Answer> exact = answers(unit.question);
    std::erase_if(pending, [&](std::size_t i) {
      const auto j = judge(level, f, got[i], exact[i], bits == precision_cap, [&](bool quick) { return quick ? budgeted().at_least(i) : budgeted().at(i); },
                           limits.empty() ? nullptr : &limits[i]);
      if (j) result[i] = *j;
      return j.has_value();
    });
    if (pending.empty()) return true;
    return std::nullopt;
  });
  return result;
}

// Takes back what is accepted under a policy that the profile refuses.
void refuse_by_policy(std::vector<Judgement>& result, std::span<const Bits> got, const Format& f, const Profile& profile) {
  for (std::size_t i = 0; i < result.size(); ++i) {
    Judgement& j = result[i];
    const bool zero = j.other_zero && profile.refuses("sign_of_zero"), nan = is_nan(f, got[i]) && profile.refuses("nan_equal");
    const bool other = j.policy && profile.refuses(j.policy);
    if (!j.ok || !(zero || nan || other)) continue;
    // A number that is off is inaccurate, whoever would have borne it.
    const bool off = other && !zero && std::string_view(j.policy) == "subnormal_result";
    j.ok = false;
    j.kind = off ? Kind::inaccurate : Kind::special_value;
    j.policy = nullptr;
    j.other_zero = false;
  }
}

// The same question with subnormal inputs as zeros of their sign; nullopt if there are none.
std::optional<Unit> flushed(const Unit& unit) {
  Unit other = unit;
  bool any = false;
  const Format& f = *unit.question.format;
  for (std::size_t t = 0; t < unit.question.inputs.size(); ++t)
    if (!unit.question.op->inputs[t].index)
      for (Bits& b : other.question.inputs[t].values)
        if (is_subnormal(f, b)) {
          b &= f.sign_mask();
          any = true;
        }
  return any && !invalid(other.question) ? std::optional(other) : std::nullopt;
}

// The same question with some numbers of dy replaced by others; nullopt if there is none.
template <class Replaced>
std::optional<Unit> with_gradients(const Unit& unit, Replaced replaced) {
  const Operator* forward = unit.question.op->independence == Independence::whole ? forward_of(*unit.question.op) : nullptr;
  if (!forward) return std::nullopt;
  Unit other = unit;
  bool any = false;
  for (std::size_t t = 0; t < forward->outputs.size(); ++t)
    for (Bits& b : other.question.inputs[t].values)
      if (const std::optional<double> v = replaced(b)) {
        b = *exact_bits(*unit.question.format, *v);
        any = true;
      }
  return any ? std::optional(other) : std::nullopt;
}

// A gradient that does not move with the NaNs of dy may pass them on or not: a mask multiplied, or a mask applied.
// Nor does it matter whether 0 · NaN is taken at its word where dy is 0.
void accept_masked_gradients(std::vector<Judgement>& result, const Unit& unit, std::span<const Bits> got, const Level& level) {
  if (std::all_of(result.begin(), result.end(), [](const Judgement& j) { return j.ok || j.error; })) return;
  const Format& f = *unit.question.format;
  double next = 0;
  const auto as_zeros = with_gradients(unit, [&](Bits b) { return is_nan(f, b) ? std::optional(0.0) : std::nullopt; });
  const auto as_numbers = with_gradients(unit, [&](Bits b) { return is_nan(f, b) ? std::optional(next = next < 100 ? next + 1 : 1) : std::nullopt; });
  const auto zeros_as_ones = with_gradients(unit, [&](Bits b) { return is_zero(f, b) ? std::optional(1.0) : std::nullopt; });
  const PrecisionScope scope(256);
  const std::vector<Real> none;
  const std::vector<Real> with_zeros = as_zeros ? witness(as_zeros->question) : none, with_numbers = as_numbers ? witness(as_numbers->question) : none,
                          with_ones = zeros_as_ones ? witness(zeros_as_ones->question) : none;
  std::vector<Judgement> beside;
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i].ok || result[i].error) continue;
    const bool masked = as_zeros && with_zeros[i] == with_numbers[i];
    if (is_nan(f, got[i])) {
      if (!masked && !(zeros_as_ones && !isfinite(with_ones[i]))) continue;
      result[i] = {.ok = true, .rounded = true};
    } else {
      if (!masked) continue;
      if (beside.empty()) {
        beside = judge_elements(*as_zeros, got, level);
        if (level.profile) refuse_by_policy(beside, got, f, *level.profile);
      }
      if (!beside[i].ok) continue;
      result[i] = beside[i];
    }
    result[i].policy = "mask_gradient_at_nan";
  }
}

}  // namespace

namespace {

std::vector<Judgement> judge_by_one(const Unit& unit, std::span<const Bits> got, const Level& level) {
  std::vector<Judgement> result = judge_elements(unit, got, level);
  accept_masked_gradients(result, unit, got, level);
  if (!level.profile) return result;
  const Format& f = *unit.question.format;
  refuse_by_policy(result, got, f, *level.profile);
  const auto other = level.profile->accepts("flush_subnormal_inputs") ? flushed(unit) : std::nullopt;
  if (!other || std::all_of(result.begin(), result.end(), [](const Judgement& j) { return j.ok || j.error; })) return result;
  std::vector<Judgement> beside = judge_elements(*other, got, level);
  refuse_by_policy(beside, got, f, *level.profile);
  for (std::size_t i = 0; i < result.size(); ++i)
    if (!result[i].ok && !result[i].error && beside[i].ok) {
      result[i] = beside[i];
      result[i].policy = "flush_subnormal_inputs";
    }
  return result;
}

}  // namespace

std::vector<Judgement> judge_unit(const Unit& unit, std::span<const Bits> got, const Level& level) {
  std::vector<Judgement> result = judge_by_one(unit, got, level);
  if (!level.also) return result;
  // What is correctly rounded conforms to every level, and only a profile asks for something else.
  const auto settled = [&](const Judgement& j) { return j.error || !j.ok || (j.rounded && !j.policy && !j.other_zero && !level.also->profile && level.also->rule != Level::Rule::max_ulp); };
  if (std::all_of(result.begin(), result.end(), settled)) return result;
  const std::vector<Judgement> other = judge_by_one(unit, got, *level.also);
  for (std::size_t i = 0; i < result.size(); ++i) {
    Judgement& j = result[i];
    if (!j.ok || j.error) continue;
    if (!other[i].ok || other[i].error) {
      j = other[i];
      j.by_other = true;
    } else {
      j.undecided = j.undecided || other[i].undecided;
      j.other_zero = j.other_zero || other[i].other_zero;
      if (!j.policy) j.policy = other[i].policy;
    }
  }
  return result;
}

}  // namespace karat::properties
