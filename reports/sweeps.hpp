// SPDX-License-Identifier: MIT
// Sweeps as tables: the same cells on the console, in Markdown and HTML.
#pragma once

#include <string>
#include <vector>

#include "reports/record.hpp"

namespace karat::reports {

inline const std::vector<std::string>& sweep_columns() {
  static const std::vector<std::string> columns{"kernel", "dtype", "max ulp", "at", "rounded", "> 0.5", "> 1", "> 2", "falls", "escalated", "seconds", "M/s"};
  return columns;
}
// One text a column; figures that there are not are "–".
std::vector<std::string> sweep_cells(const Sweep&);
// What is not clear from the cells: incomplete, why; empty: nothing.
std::string sweep_remark(const Sweep&);

}  // namespace karat::reports
