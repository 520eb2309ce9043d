// SPDX-License-Identifier: MIT
// Larger calls of operators on tensors of any shapes.  A row's examples are small; kernels work in lanes,
// blocks and partial sums, and what goes wrong behind the first of them shows in no small call.
#pragma once

#include <vector>

#include "reference/operator.hpp"

namespace karat::properties {

// Of the first example that has elements one with each extent that can be grown alone, as long as it may be up to
// 1103 (a prime: a remainder for every block); of every such example one with all extents a little larger.  Empty
// for operators that are not `whole`.
std::vector<Example> grown_examples(const Operator& op);

}  // namespace karat::properties
