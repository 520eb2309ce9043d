// SPDX-License-Identifier: MIT
// The verdict on one kernel: every case of its plan, the first failure of each kind shrunk.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plugins/host/host.hpp"
#include "properties/kind.hpp"
#include "properties/level.hpp"
#include "properties/replay.hpp"

namespace karat::properties {

struct NamedValue {
  std::string name, value;
};

struct Failure {
  Kind kind = Kind::inaccurate;
  std::int64_t count = 0;  // elements, or calls
  std::string message;
  std::vector<NamedValue> at;
  std::string got, exact, exact_decimal;
  double ulp = 0;        // NaN where a class differs
  double allowed = 0;          // what the level allows, in ulps; faithful: less than 1
  std::string level;           // that refuses it
  std::string from, to;  // range of the first input over which it was seen
  std::string replay;    // of the worst, cut down to what shows it
  std::string simplest;  // of the simplest inputs that fail so, if others
  std::string waived;    // why, by whom and until when it is borne; empty: it is not
};

struct KernelVerdict {
  enum class Result { pass, fail, skip, error } result = Result::pass;
  std::string plugin, op, kernel, dtype, claim;
  std::string compute;  // the narrower type that it declares to compute in, or empty
  Level level = default_level;
  std::string reason;  // of skip and error
  std::string incomplete;  // of fail: what was not judged beside it, and why; empty: nothing
  std::vector<Failure> failures;
  std::int64_t calls = 0, elements = 0, finite = 0, rounded = 0, undecided = 0;
  bool exhaustive = false;
  double max_ulp = 0;
  std::vector<NamedValue> max_ulp_at;
  std::map<std::string, std::int64_t> policies;
  std::map<std::string, std::int64_t> laws;  // how many cases each was tried on
  // Cases that could show something, and those whose expected output is constant, or which no input
  // moves; large ones are not looked at.
  std::int64_t meaningful = 0, vacuous = 0;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;  // no failure, and worth a look: errors that lean to one side
  double seconds = 0;

  // Fails, and all that it fails is waived.  If it is `incomplete` it may fail elsewhere, and is not judged.
  bool waived() const {
    return result == Result::fail && std::all_of(failures.begin(), failures.end(), [](const Failure& f) { return !f.waived.empty(); });
  }
};

std::string_view to_text(KernelVerdict::Result result);

struct CheckOptions {
  std::optional<Level> level;  // nullopt: default_level
  std::uint64_t seed = 1;
  int random_cases = 60;
  // Then more cases for as long as this: random ones, and others near what came closest to failing.
  double more_seconds = 0;
  bool first_failure_only = false;  // no further case after a failure, and nothing is shrunk
  std::filesystem::path folder;     // failures too large for a line become case folders in it; empty: they are named by plan and seed
  // Asked between cases; true ends the check early, with what it has as an `error`.
  std::function<bool()> stop = [] { return false; };
  // Called between cases: done, all.
  std::function<void(std::size_t, std::size_t)> progress = [](std::size_t, std::size_t) {};
};

// Judges one row of a plugin's.  A row whose operator, dtype or claim is unknown is an error.
KernelVerdict check(host::Worker& worker, const std::string& plugin, const host::KernelRow& kernel,
                    const CheckOptions& options);

// Runs one replay line: the failures that it shows (none: it conforms).
KernelVerdict replay(host::Worker& worker, const Replay& line);

// The row that a replay line means; throws ReplayError naming the choices.
const host::KernelRow& find_kernel(const host::PluginInfo& plugin, const Replay& line);

}  // namespace karat::properties
