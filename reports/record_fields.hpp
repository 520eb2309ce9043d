// SPDX-License-Identifier: MIT
// One line of a record file → its struct.  `unknown` grows by the fields that were left out.
#pragma once

#include <nlohmann/json.hpp>

#include "reports/fields.hpp"
#include "reports/record.hpp"

namespace karat::reports {

// "run.jsonl:7", "standard input:7"; the file alone for line 0.
std::string where(const std::string& file, std::size_t line);

// An object; throws RecordError for anything else, with the nesting bounded first.
nlohmann::json parse_line(std::string_view line, Place);

Environment environment_fields(const nlohmann::json&, Place, std::uint64_t& unknown);
Plugin plugin_fields(const nlohmann::json&, Place, std::uint64_t& unknown);
Kernel kernel_fields(const nlohmann::json&, Place, std::uint64_t& unknown);
Sweep sweep_fields(const nlohmann::json&, Place, std::uint64_t& unknown);
Timing timing_fields(const nlohmann::json&, Place, std::uint64_t& unknown);
End end_fields(const nlohmann::json&, Place, std::uint64_t& unknown);

}  // namespace karat::reports
