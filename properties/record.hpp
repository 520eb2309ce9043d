// SPDX-License-Identifier: MIT
// Verdicts as facts: one JSON object a line.  docs/records.md is the schema.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "properties/check.hpp"

namespace karat::properties {

struct RunInfo {
  std::vector<std::string> command;
  std::uint64_t seed = 1;
  std::optional<Level> level;
};

// Appends lines to a file, each flushed whole.  Throws std::runtime_error if it cannot.
class Recorder {
 public:
  Recorder() = default;  // records nothing
  Recorder(const std::filesystem::path& file, const RunInfo& run);
  void plugin(const std::string& name, const host::PluginInfo& info, const std::filesystem::path& path);
  void plugin_error(const std::string& name, const std::filesystem::path& path, const std::string& error);
  void verdict(const KernelVerdict& verdict);
  void waiver(const std::string& status, const std::string& message);  // what is wrong with a waiver
  void line(const std::string& json_object);
  void end(int passed, int failed, int skipped, int errors, double seconds, int exit_code);

 private:
  std::ofstream out_;
  std::filesystem::path file_;
};

// The first line: machine, compiler, version.
std::string environment_json(const RunInfo& run);

}  // namespace karat::properties
