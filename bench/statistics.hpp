// SPDX-License-Identifier: MIT
// Of a few repetitions: what is usual, how far they lie apart, and whether two sets of them differ.
#pragma once

#include <span>
#include <vector>

namespace karat::bench {

double median(std::vector<double> values);  // NaN of none

// The mean of the middle half: what a scheduler does to a few calls of many is left out, and a coarse clock's
// steps are not.  NaN of none.
double middle_mean(std::vector<double> values);

// Half the distance between the first and the third quartile, of the median: 0.02 is ± 2 %.
// Quartiles are those of Tukey's hinges.  NaN of none.
double spread(std::vector<double> values);

// The two-sided test of H. B. Mann and D. R. Whitney ("On a test of whether one of two random variables is
// stochastically larger than the other", 1947): how likely ranks as uneven as these are if both come from the
// same distribution.  Exact without ties for up to 20 values each; else by the normal distribution, with the
// corrections for ties and continuity.  1 if one of them is empty.
double mann_whitney(std::span<const double> a, std::span<const double> b);

}  // namespace karat::bench
