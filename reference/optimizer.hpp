// SPDX-License-Identifier: MIT
// What the rows of optimizers share.  A step takes parameters, gradient and states; an output
// with the name of an input is that tensor, updated: kernels see it as in-out.
#pragma once

#include "reference/whole.hpp"

namespace karat {

InputRow parameter(const char* name);  // any finite number
InputRow state(const char* name);      // a mean or sum of squares: not negative
AttributeRow eta_row();                // learning rate
AttributeRow fraction_row(const char* name, double standard);  // 0 ≤ β ≤ 1
AttributeRow epsilon_row(double standard);
AttributeRow decay_row();              // weight_decay λ ≥ 0
AttributeRow step_row();               // t, from 1

}  // namespace karat
