// SPDX-License-Identifier: MIT
// One call as it is tried: a question, and how its tensors lie in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "plugins/host/host.hpp"
#include "reference/exact.hpp"

namespace karat::properties {

struct Layout {
  host::Placement placement;   // of every tensor
  std::int64_t input_gap = 1;  // stride of the innermost dimension, in elements
  std::int64_t output_gap = 1;
  bool column_major = false;  // first dimension innermost
  int threads = 1;
  bool in_place = false;  // outputs lie in inputs' storage: see place_of_output()

  bool dense() const { return input_gap == 1 && output_gap == 1 && !column_major; }
};

struct Case {
  Question question;
  Layout layout;
  std::string origin;  // where it came from: "plan:17", "random:5"; empty once it was changed
  std::size_t focus = 0;  // the output element that failed, where one did: shrinking starts there
  std::string law;  // a law is tried on it, as a row names it: "linear_in x"; empty: results are judged
  bool decoys = false;  // the kernel is called with others first: see execute()
};

std::vector<std::int64_t> strides_of(const Shape& shape, const Layout& layout, bool output);
// Storage index of each element, in row-major order of the elements.
std::vector<std::size_t> storage_indices(const Shape& shape, const std::vector<std::int64_t>& strides);

// Tensors of a call: the inputs, then the outputs.  An output with the name of an input is that
// input's tensor, which is then in-out.
std::size_t output_tensor(const Operator& op, std::size_t output);
// The input in whose storage an output of an in-place call lies: the last one; of tensors of any shapes the last
// of the output's own shape that no output before it took.  nullopt: it has its own.
std::optional<std::size_t> place_of_output(const Question& question, const Layout& layout, std::size_t output);
host::CallSpec call_spec(const Case& c, int kernel);

}  // namespace karat::properties
