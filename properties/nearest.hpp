// SPDX-License-Identifier: MIT
// Names that a user may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace karat::properties {

std::vector<std::string> operator_names();
std::vector<std::string> dtype_names();

// "unknown operator 'sigmoide': did you mean sigmoid? Known: …"
std::string unknown(std::string_view what, std::string_view got, const std::vector<std::string>& names);

// Shell-style pattern with * and ?, as in --op 'softmax*'.
bool matches(std::string_view pattern, std::string_view text);

}  // namespace karat::properties
