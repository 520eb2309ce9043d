// SPDX-License-Identifier: MIT
// Calls on shapes of one's own, as text: "conv2d x=8x64x56x56 w=64x64x3x3 padding=[1,1,1,1]".
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reference/operator.hpp"

namespace karat::bench {

struct Call {
  std::string op;    // the operator that the text names first, or empty: any
  std::string text;  // the rest
};

// Splits a text; throws properties::ReplayError for an operator that there is none of.
Call call_from(const std::string& text);

struct CallShapes {
  Shapes inputs;
  Attributes attributes;
};

// Shapes of inputs ("scalar": rank 0; an input that is not named and may be absent is; gradients of outputs follow
// from the others; of operators whose tensors have one shape, any of them says it) and attributes: those
// not named are standard, `axis` is the last one.  Throws properties::ReplayError.
CallShapes shapes_of_call(const Operator& op, const Format& f, const std::string& text);

// The calls of `--suite kernels`, one a text (bench/kernels.suite).
std::span<const std::string> suite_calls();

}  // namespace karat::bench
