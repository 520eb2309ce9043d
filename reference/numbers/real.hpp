// SPDX-License-Identifier: MIT
// Real: a number of any precision, correctly rounded in each operation (Boost.Multiprecision
// over MPFR).  The independent witness beside Enclosure: same formulas, no proven bounds.
//
// Real() and Real(int) take the working precision (precision.hpp); an operation gives the
// larger precision of its operands.
#pragma once

#include <boost/multiprecision/mpfr.hpp>
#include <optional>
#include <string>

#include "reference/numbers/precision.hpp"
#include "reference/numbers/rounding.hpp"

namespace karat {

using Real = boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<0>,
                                           boost::multiprecision::et_off>;

Truncated truncated(const Real& x);

}  // namespace karat
