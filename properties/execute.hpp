// SPDX-License-Identifier: MIT
// Runs a case in a worker and says everything that happened except whether numbers are right.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "properties/case.hpp"
#include "properties/kind.hpp"

namespace karat::properties {

// A fault of a call as a whole.
struct Fault {
  Kind kind;
  std::string text;
};

struct Execution {
  std::optional<std::string> declined;    // the kernel's reason
  std::optional<std::string> host_error;  // the suite could not run the case
  std::optional<Fault> fault;
  Tensor<Bits> output;                 // all outputs' elements, as the second run left them
  Tensor<Bits> first;                  // as the first run left them
  std::vector<std::size_t> unwritten;  // elements that one of the runs did not write
  std::vector<std::size_t> differing;  // elements that the two runs wrote differently
  bool finished() const {
    return !declined && !host_error && (!fault || fault->kind == Kind::fp_env_changed);
  }
};

// Runs the case twice, over different poison.  With `decoys`, or where the case asks for them, others
// go before, so that a kernel that answers from memory gives itself away.  Before the first run: the same
// inputs with other attributes.  Before the second, on its memory: other inputs, and the same but for one element.
Execution execute(host::Worker& worker, int kernel, const Case& c, bool decoys = false);

}  // namespace karat::properties
