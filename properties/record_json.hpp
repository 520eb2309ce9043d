// SPDX-License-Identifier: MIT
// What records of checks and of sweeps write alike.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "properties/check.hpp"

namespace karat::properties {

using Json = nlohmann::ordered_json;

Json figure(double d);  // a number, or "inf", "-inf", "nan": JSON has none of these
Json pairs(const std::vector<NamedValue>& values);
// `level`: of the kernel; a failure names its own where that is another.
Json failures_of(const std::vector<Failure>& failures, const std::string& level);
// One line, whatever bytes a plugin put into it.
std::string dump(const Json& json);

}  // namespace karat::properties
