// SPDX-License-Identifier: MIT
// Rows over tensors of any shapes whose elements know nothing of each other as long as nothing is reduced:
// losses of one term each, and their gradients.  Seen as elementwise rows, they have all that those have: every
// input of theirs can be swept.
#pragma once

#include "reference/operator.hpp"

namespace karat {

// The row of the same name with `reduction = none`, elementwise; `op` itself if it is elementwise; nullptr if
// elements are not known to be independent.  Lives as long as the program.
const Operator* pointwise(const Operator& op);

}  // namespace karat
