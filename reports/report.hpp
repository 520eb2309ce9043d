// SPDX-License-Identifier: MIT
// Records as people and CI read them.  Every text that comes from a record is cleaned of
// control characters and escaped for its format; the same records give the same bytes.
#pragma once

#include <filesystem>
#include <string>

#include "reports/record.hpp"

namespace karat::reports {

// One matrix of operators × dtypes a back end, then (with `failures`) what failed, was
// skipped or could not be judged, and one line of totals.  `width` columns; 0: any.
std::string console_table(const Records&, bool colour, int width, bool failures = true);

// What was swept, one line each, then what failed.
std::string sweep_table(const Records&, bool colour, int width);

// One failure as the console shows it, ending in its replay line, which is never broken.
// Of the kernel only plugin, op, kernel, dtype and level are used.
std::string failure_block(const Kernel&, const Failure&, bool colour, int width);

// "12 passed, 3 failed, 1 skipped, 1 error"
std::string totals_line(const Totals&);

std::string markdown(const Records&);
std::string junit(const Records&);
std::string html(const Records&);  // one page, nothing loaded from elsewhere
std::string json(const Records&);  // the merged records as one document

// index.html, report.md, junit.xml and report.json.  All four are written beside their
// destination first and renamed last, so a failure leaves the old report as it was.
// Throws std::runtime_error naming the file and the reason.
void write_all(const Records&, const std::filesystem::path& directory);

}  // namespace karat::reports
