// SPDX-License-Identifier: MIT
#include "cli/command.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>

#include "plugins/host/host.hpp"
#include "properties/nearest.hpp"
#include "properties/profile.hpp"
#include "reference/operator.hpp"

namespace karat::cli {
namespace {

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_interrupt(int) {
  stop_requested = true;
  std::signal(SIGINT, SIG_DFL);  // a second one ends the program
  std::signal(SIGTERM, SIG_DFL);
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// "30s", "2m", "1h", "45": seconds.
std::optional<double> parse_time(const std::string& text) {
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || !(value >= 0) || !(value <= 1e7)) return std::nullopt;
  const std::string unit(end, last);
  if (unit.empty() || unit == "s") return value;
  if (unit == "m") return value * 60;
  if (unit == "h") return value * 3600;
  if (unit == "ms") return value / 1000;
  return std::nullopt;
}

std::optional<std::pair<std::size_t, std::size_t>> parse_shard(const std::string& text) {
  std::size_t i = 0, n = 0;
  const char* const last = text.data() + text.size();
  const auto first = std::from_chars(text.data(), last, i);
  if (first.ec != std::errc() || first.ptr == last || *first.ptr != '/') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, last, n);
  if (second.ec != std::errc() || second.ptr != last) return std::nullopt;
  if (n < 1 || n > 100'000 || i < 1 || i > n) return std::nullopt;
  return std::pair{i, n};
}

}  // namespace

int exit_code(bool any_failed, bool any_not_judged, bool anything_ran) {
  if (any_failed) return failed;
  if (any_not_judged) return not_judged;
  return anything_ran ? conforms : nothing_ran;
}

void Narrowing::add_to(CLI::App& app) {
  app.add_option("--op", op, "Only operators that match GLOB, such as 'softmax*'")->type_name("GLOB");
  app.add_option("--dtype", dtypes, "Only these dtypes: f64, f32, f16, bf16 (comma-separated)")->delimiter(',')->type_name("LIST");
  app.add_option("--kernel", kernel, "Only kernel variants that match GLOB")->type_name("GLOB");
  app.add_option("--seed", seed, "Seed of the random cases (default 1)");
  app.add_option("--threads", threads, "Threads that Karat itself uses (default: all)");
  app.add_option("--time", time, "Time budget, such as 30s or 2m");
  app.add_option("--shard", shard, "Only part I of N of the kernels, such as 2/5")->type_name("I/N");
}

void Narrowing::validate() const {
  for (const std::string& d : dtypes)
    if (!find_format(d)) throw UsageError(properties::unknown("dtype", d, properties::dtype_names()));
  if (op.find_first_of("*?[") == std::string::npos && !find_operator(op))
    throw UsageError(properties::unknown("operator", op, properties::operator_names()));
  bool any = false;
  for (const std::string& name : properties::operator_names()) any = any || properties::matches(op, name);
  if (!any) throw UsageError("--op '" + op + "' matches no operator; `karat list ops` prints them");
  if (threads < 0 || threads > 4096) throw UsageError("--threads: expected 1 to 4096, got " + std::to_string(threads));
  if (!time.empty() && !parse_time(time)) throw UsageError("--time: expected a time such as 30s, 2m or 1h, got '" + time + "'");
  if (!shard.empty() && !parse_shard(shard)) throw UsageError("--shard: expected I/N with 1 <= I <= N, such as 2/5, got '" + shard + "'");
}

bool Narrowing::takes(const host::KernelRow& row) const {
  if (!properties::matches(op, row.op) || !properties::matches(kernel, row.kernel)) return false;
  if (dtypes.empty()) return true;
  for (const std::string& d : dtypes)
    if (static_cast<std::int32_t>(find_format(d)->dtype) == row.dtype) return true;
  return false;
}

std::pair<std::size_t, std::size_t> Narrowing::shard_numbers() const { return shard.empty() ? std::pair<std::size_t, std::size_t>{1, 1} : *parse_shard(shard); }

bool Narrowing::in_shard(std::size_t index) const {
  if (shard.empty()) return true;
  const auto [i, n] = *parse_shard(shard);
  return index % n == i - 1;
}

double Narrowing::seconds() const { return time.empty() ? 0 : *parse_time(time); }

void LevelFlags::add_to(CLI::App& app) {
  auto* by_name = app.add_option("--level", level, "How close a result must be: exact, faithful, stable (the default: the derived error budget), permissive");
  app.add_option("--max-ulp", max_ulp, "Accept an error of up to N ulp instead; a kernel's own claim holds as well")
      ->type_name("N")
      ->excludes(by_name);
  app.add_option("--profile", profile, "Judge by a published rule instead: opencl-full, opencl-embedded, tosa-1.0, webnn, torch-assert-close, or a file of your own")
      ->type_name("NAME|FILE.toml")
      ->excludes(by_name)
      ->excludes("--max-ulp");
}

std::optional<properties::Level> LevelFlags::get() const {
  if (profile) {
    try {
      return properties::level_of_profile(*profile);
    } catch (const properties::ProfileError& e) {
      throw UsageError(e.what());
    }
  }
  if (level) {
    const auto parsed = properties::parse_level(*level);
    if (!parsed) throw UsageError(properties::unknown("level", *level, {"exact", "faithful", "stable", "permissive", "max-ulp=4"}));
    return parsed;
  }
  if (!max_ulp) return std::nullopt;
  if (!(*max_ulp >= 0 && *max_ulp <= 1e18)) throw UsageError("--max-ulp: expected a number from 0 up");
  return properties::Level{properties::Level::Rule::max_ulp, *max_ulp};
}

std::vector<PluginArgument> resolve(const std::vector<std::string>& arguments) {
  std::vector<PluginArgument> plugins;
  if (arguments.empty())
    for (const auto& file : host::bundled_plugins()) plugins.push_back({file.stem().string(), file, {}, file.stem().string()});
  for (const std::string& argument : arguments) {
    PluginArgument p{argument, argument, {}, argument};
    try {
      p.file = host::find_plugin(argument);
      if (argument.find('/') != std::string::npos) p.name = p.file.stem().string();
    } catch (const std::exception& e) {
      p.error = e.what();
    }
    plugins.push_back(std::move(p));
  }
  return plugins;
}

std::vector<std::string> command_line(const std::string& command, const std::vector<std::string>& plugins, const CLI::App& app) {
  std::vector<std::string> words{"karat", command};
  words.insert(words.end(), plugins.begin(), plugins.end());
  for (const CLI::Option* o : app.get_options())
    if (o->count() > 0 && !o->get_lnames().empty()) {
      words.push_back("--" + o->get_lnames()[0]);
      for (const std::string& r : o->results()) words.push_back(r);
    }
  return words;
}

bool interrupted() { return stop_requested; }
void catch_interrupts() {
  std::signal(SIGINT, on_interrupt);
  std::signal(SIGTERM, on_interrupt);  // a batch scheduler's
}

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}
Progress::~Progress() { clear(); }
void Progress::show(const std::string& text) {
  if (!terminal_ || now() - last_ < 0.1) return;
  last_ = now();
  const auto width = static_cast<std::size_t>(terminal_width()) - 1;
  std::fprintf(stderr, "\r\x1b[K%s", text.substr(0, width).c_str());
  std::fflush(stderr);
  shown_ = true;
}
void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
  shown_ = false;
}

bool stdout_is_terminal() { return isatty(STDOUT_FILENO) != 0; }
int terminal_width() {
  winsize size{};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return 100;
}

int run(std::vector<std::string> arguments) {
  try {
    CLI::App app("Karat says how much of a kernel is gold: it judges numerical kernels against exact answers.", "karat");
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("karat " KARAT_VERSION));
    app.failure_message(CLI::FailureMessage::simple);
    app.footer(
        "Examples:\n"
        "  karat check                      every bundled back end\n"
        "  karat check ./mylib.so --op 'softmax*' --dtype f32\n"
        "  karat eval sigmoid -0x1p+4 --digits 60\n"
        "Exit codes: 0 all conform, 1 something failed, 2 usage, 3 could not be judged, 4 nothing ran.");
    std::vector<std::string> names;
    std::vector<std::function<int()>> runs;
    const std::vector<Command> commands{list_command(),    check_command(),      eval_command(),  derive_command(), cases_command(), judge_command(), explain_command(),
                                        replay_command(),  self_check_command(), bench_command(), sweep_command(), certify_command(), hunt_command(), report_command()};
    runs.resize(commands.size());
    std::vector<CLI::App*> apps;
    for (std::size_t i = 0; i < commands.size(); ++i) {
      names.emplace_back(commands[i].name);
      CLI::App* sub = app.add_subcommand(commands[i].name);
      commands[i].add(*sub, runs[i]);
      apps.push_back(sub);
    }
    if (!arguments.empty() && !arguments[0].starts_with('-') &&
        std::find(names.begin(), names.end(), arguments[0]) == names.end())
      throw UsageError(properties::unknown("command", arguments[0], names));
    // "-inf" is a number here, never the options -i -n -f; "[1,2]" is one tensor, not two words.
    for (std::string& a : arguments)
      if (a == "-inf" || a == "-nan" || a == "-infinity" || a.starts_with('[')) a.insert(a.begin(), ' ');
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app.parse(std::move(reversed));
    } catch (const CLI::ParseError& e) {
      const int code = app.exit(e);
      return code == 0 ? conforms : usage;
    }
    for (std::size_t i = 0; i < apps.size(); ++i)
      if (apps[i]->parsed()) return runs[i]();
    return usage;
  } catch (const UsageError& e) {
    std::fprintf(stderr, "karat: %s\n", e.what());
    return usage;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "karat: %s\n", e.what());
    return not_judged;
  }
}

}  // namespace karat::cli
