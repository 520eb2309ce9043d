// SPDX-License-Identifier: MIT
// What long work has done so far, in files that are whole or not there: the state of --resume.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "properties/sweep/partial.hpp"

namespace karat::properties {

// Facts that must agree before states are put together: plugin, version, operator, …
using Identity = std::vector<std::pair<std::string, std::string>>;
std::string to_json(const Identity& identity);
// Throws SweepError naming the first fact in which they differ: `where` has the one, this run the other.
void expect_same(const Identity& expected, const Identity& got, const std::string& where);

struct State {
  Identity identity;
  std::string content;  // JSON
};

// Written beside, flushed to the disk, and renamed.  Throws SweepError naming the file and the reason.
void write_state(const std::filesystem::path& file, const State& state);
// Throws SweepError if the file is cut off, changed or of another kind.
State read_state(const std::filesystem::path& file);

// The files of one piece of work in a folder: NAME.json, NAME.2.json, …  Empty if there is no folder.
std::vector<std::filesystem::path> state_files(const std::filesystem::path& folder, const std::string& name);
// A name for a new one beside them, not taken by any other process.
std::filesystem::path new_state_file(const std::filesystem::path& folder, const std::string& name);
// Letters, digits, '-', '_' and '.', with '_' for the others.
std::string file_name(const std::string& text);

}  // namespace karat::properties
