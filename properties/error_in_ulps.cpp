// SPDX-License-Identifier: MIT
#include "properties/error_in_ulps.hpp"

#include <algorithm>
#include <cmath>

#include "reference/numbers/hull.hpp"

namespace karat::properties {
namespace {

// ⌊log2|y|⌋ of an end of y's range; `open`: y is nearer to zero than that.
long binade_of(const Format& f, const Enclosure& end, bool open) {
  const Truncated t = end.lower();
  if (t.significand == 0) return f.e_min;
  const bool power = t.significand == std::uint64_t{1} << 63 && !t.more;
  return static_cast<long>(std::max<std::int64_t>(f.e_min, t.exponent + 63 - (open && power ? 1 : 0)));
}

}  // namespace

std::optional<double> error_in_ulps(const Question& question, Bits got) {
  const Format& f = *question.format;
  if (!is_finite(f, got) || !specials(question)[0].empty()) return std::nullopt;
  return decide([&](int) -> std::optional<double> {
    const Answer y = answers(question)[0];
    if (!y.value.is_bounded()) return std::nullopt;
    Enclosure low = y.value.lower_end(), high = y.value.upper_end();
    const bool open_low = y.above && low.certainly_at_most(*y.above), open_high = y.below && y.below->certainly_at_most(high);
    if (open_low) low = *y.above;
    if (open_high) high = *y.below;
    const bool exact = low.is_exact() && high.is_exact() && low.certainly_at_most(high) && high.certainly_at_most(low);
    if (!exact && low.certainly_below(0) && Enclosure(0).certainly_below(high)) return std::nullopt;
    // Open ends count where they are the larger in magnitude.
    const bool negative = high.certainly_at_most(0) && !is_exact_zero(low);
    const long a = binade_of(f, low, open_low && negative), b = binade_of(f, high, open_high && !negative);
    if (a != b) return std::nullopt;
    const Enclosure g(f, got);
    const double of_low = upper_double(ldexp(abs(g - low), f.fraction_bits() - a)), of_high = upper_double(ldexp(abs(g - high), f.fraction_bits() - a));
    if (!(std::abs(of_low - of_high) <= 1e-9 * std::max(1.0, of_low))) return std::nullopt;
    return std::max(of_low, of_high);
  });
}

}  // namespace karat::properties
