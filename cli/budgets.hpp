// SPDX-License-Identifier: MIT
// `karat explain budgets`: what error budgets come to, operator by operator, beside what back ends were measured at.
#pragma once

#include <string>
#include <vector>

namespace karat::cli {

// Markdown on standard output.  `records`: files of `karat check --record`, whose largest errors stand beside.
// Throws UsageError for a pattern that matches nothing.
int print_budgets(const std::string& op_pattern, const std::vector<std::string>& dtypes, const std::vector<std::string>& records);

}  // namespace karat::cli
