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
  std::vector<std::size_t> unwritten;  // elements that neither run wrote
  std::vector<std::size_t> differing;  // elements that the two runs wrote differently
  bool finished() const {
    return !declined && !host_error && (!fault || fault->kind == Kind::fp_env_changed);
  }
};

// Runs the case twice, over different poison.  With `decoy` another input goes first, so that
// a kernel that answers from memory gives itself away.
Execution execute(host::Worker& worker, int kernel, const Case& c, bool decoy = false);

}  // namespace karat::properties
