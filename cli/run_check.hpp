// SPDX-License-Identifier: MIT
// Judges the kernels of several back ends into one record file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "properties/check.hpp"
#include "properties/waivers.hpp"

namespace karat::cli {

struct CheckRun {
  std::vector<PluginArgument> plugins;
  Narrowing narrowing;
  std::optional<properties::Level> level;
  std::filesystem::path record;
  properties::Waivers waivers;
  std::filesystem::path failures;  // where failures too large for a line become case folders; empty: nowhere
  std::filesystem::path hunted = "hunted";  // what hunts kept there is tried as well, if there is such a folder
  std::vector<std::string> command;
};

struct CheckResult {
  int code = nothing_ran;
  int ran = 0, passed = 0, failed = 0, skipped = 0, errors = 0;
  int waived = 0;      // of those that failed
  int incomplete = 0;  // of those that are waived: not judged to the end
  std::vector<properties::Waivers::Problem> problems;  // of waivers: failures too
  bool interrupted = false;
  std::vector<properties::KernelVerdict> verdicts;
};

CheckResult run_check(const CheckRun& run);

}  // namespace karat::cli
