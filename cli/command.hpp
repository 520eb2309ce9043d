// SPDX-License-Identifier: MIT
// What the sub-commands share: exit codes, the narrowing flags, plugins, interruption.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "properties/level.hpp"

namespace karat::host {
struct KernelRow;
}

namespace karat::cli {

enum Exit { conforms = 0, failed = 1, usage = 2, not_judged = 3, nothing_ran = 4 };

// The contract's order where several hold: 2, then 1, then 3, then 4.
int exit_code(bool any_failed, bool any_not_judged, bool anything_ran);

// A mistake on the command line: exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The flags that narrow a run, the same everywhere.
struct Narrowing {
  std::string op = "*", kernel = "*";
  std::vector<std::string> dtypes;
  std::uint64_t seed = 1;
  int threads = 0;  // 0: all
  std::string time, shard;

  void add_to(CLI::App& app);
  void validate() const;  // throws UsageError
  bool takes(const host::KernelRow& row) const;
  // Rows are dealt out in turn: row number `index` belongs to shard index mod n.
  bool in_shard(std::size_t index) const;
  std::pair<std::size_t, std::size_t> shard_numbers() const;  // I and N; 1 and 1 without --shard
  double seconds() const;  // of --time; 0 if not given
};

struct LevelFlags {
  std::optional<std::string> level, profile;
  std::optional<double> max_ulp;
  void add_to(CLI::App& app);
  std::optional<properties::Level> get() const;  // throws UsageError
};

// PLUGIN arguments → files; none: the bundled ones.  A name that cannot be resolved is kept
// with its error, so that the others are still judged.
struct PluginArgument {
  std::string name;   // as it is shown: of a path, the file's
  std::filesystem::path file;
  std::string error;
  std::string typed;  // as a replay line must name it
};
std::vector<PluginArgument> resolve(const std::vector<std::string>& arguments);

// The words of a command line, as records keep them: what was given.
std::vector<std::string> command_line(const std::string& command, const std::vector<std::string>& plugins, const CLI::App& app);

// True after the first Ctrl-C or SIGTERM; a second one ends the program.
bool interrupted();
void catch_interrupts();

// A line on the terminal that is rewritten; nothing where stderr is not one.
class Progress {
 public:
  Progress();
  ~Progress();
  void show(const std::string& text);
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  double last_ = 0;
};

bool stdout_is_terminal();
int terminal_width();

// Adds a sub-command; `run` gives the exit code.
struct Command {
  const char* name;
  std::function<void(CLI::App& app, std::function<int()>& run)> add;
};
// Each cli/<name>.cpp has one.
Command list_command();
Command check_command();
Command eval_command();
Command derive_command();
Command cases_command();
Command judge_command();
Command explain_command();
Command replay_command();
Command self_check_command();
Command bench_command();
Command sweep_command();
Command certify_command();
Command hunt_command();
Command report_command();

// The whole program; `arguments` without its name.  Never throws.
int run(std::vector<std::string> arguments);

}  // namespace karat::cli
