// SPDX-License-Identifier: MIT
#include "properties/record.hpp"

#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <sstream>

#include "properties/record_json.hpp"

#ifndef KARAT_VERSION
#error "KARAT_VERSION comes from the build"
#endif

namespace karat::properties {
namespace {

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

std::vector<std::string> cpu_isa() {
  static const std::vector<std::string> wanted{"sse2", "ssse3",   "sse4_1",   "avx",         "f16c",  "fma",
                                               "avx2", "avx512f", "avx512bw", "avx512_bf16", "asimd", "sve"};
  std::vector<std::string> found;
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;)
      if (std::find(wanted.begin(), wanted.end(), word) != wanted.end()) found.push_back(word);
    break;
  }
  return found;
}

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

long cache(int which) { return std::max(0L, sysconf(which)); }

}  // namespace

std::string environment_json(const RunInfo& run) {
  utsname system{};
  uname(&system);
  return dump(Json{{"type", "environment"},
                   {"schema", 1},
                   {"karat", KARAT_VERSION},
                   {"command", run.command},
                   {"time", utc_now()},
                   {"cpu", cpu_model()},
                   {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
                   {"isa", cpu_isa()},
                   {"kernel", std::string(system.sysname) + " " + system.release},
                   {"libc", std::string("glibc ") + gnu_get_libc_version()},
                   {"compiler", KARAT_COMPILER},
                   {"flags", KARAT_FLAGS},
                   {"seed", run.seed},
                   {"level", to_text(run.level.value_or(default_level))},
                   {"caches",
                    {{"l1", cache(_SC_LEVEL1_DCACHE_SIZE)},
                     {"l2", cache(_SC_LEVEL2_CACHE_SIZE)},
                     {"l3", cache(_SC_LEVEL3_CACHE_SIZE)}}}});
}

Recorder::Recorder(const std::filesystem::path& file, const RunInfo& run)
    : out_(file, std::ios::trunc), file_(file) {
  if (!out_)
    throw std::runtime_error("cannot write records to " + file.string() + ": " + std::strerror(errno));
  line(environment_json(run));
}

void Recorder::line(const std::string& json_object) {
  if (!out_.is_open()) return;
  out_ << json_object << '\n' << std::flush;
  if (!out_)
    throw std::runtime_error("cannot write records to " + file_.string() + ": " + std::strerror(errno));
}

void Recorder::plugin(const std::string& name, const host::PluginInfo& info,
                      const std::filesystem::path& path) {
  line(dump(Json{{"type", "plugin"},
                 {"plugin", name},
                 {"path", path.string()},
                 {"version", info.version},
                 {"description", info.description},
                 {"abi", std::to_string(info.abi_major) + "." + std::to_string(info.abi_minor)},
                 {"kernels", info.kernels.size()},
                 {"status", "loaded"},
                 {"warnings", info.warnings}}));
}

void Recorder::plugin_error(const std::string& name, const std::filesystem::path& path,
                            const std::string& error) {
  line(dump(Json{{"type", "plugin"},
                 {"plugin", name},
                 {"path", path.string()},
                 {"kernels", 0},
                 {"status", "error"},
                 {"error", error}}));
}

void Recorder::verdict(const KernelVerdict& v) {
  Json json{{"type", "kernel"},   {"plugin", v.plugin}, {"op", v.op},
            {"kernel", v.kernel}, {"dtype", v.dtype},   {"level", to_text(v.level)}};
  if (!v.claim.empty()) json["claim"] = v.claim;
  json["verdict"] = to_text(v.result);
  if (!v.failures.empty()) json["kind"] = to_text(v.failures[0].kind);
  if (!v.reason.empty() || !v.incomplete.empty()) json["reason"] = v.reason.empty() ? v.incomplete : v.reason;
  json["calls"] = v.calls;
  json["elements"] = v.elements;
  json["exhaustive"] = v.exhaustive;
  json["max_ulp"] = figure(v.max_ulp);
  json["max_ulp_at"] = pairs(v.max_ulp_at);
  json["correctly_rounded"] =
      v.finite > 0 ? static_cast<double>(v.rounded) / static_cast<double>(v.finite) : 0.0;
  json["undecided"] = v.undecided;
  json["policies"] = v.policies;
  if (!v.laws.empty()) json["laws"] = v.laws;
  json["meaningful"] = v.meaningful;
  json["vacuous"] = v.vacuous;
  if (!v.compute.empty()) json["compute"] = v.compute;
  if (!v.notes.empty()) json["notes"] = v.notes;
  if (!v.warnings.empty()) json["warnings"] = v.warnings;
  json["failures"] = failures_of(v.failures, to_text(v.level));
  json["seconds"] = v.seconds;
  line(dump(json));
}

void Recorder::waiver(const std::string& status, const std::string& message) {
  line(dump(Json{{"type", "waiver"}, {"status", status}, {"message", message}}));
}

void Recorder::end(int passed, int failed, int skipped, int errors, double seconds, int exit_code) {
  line(dump(Json{{"type", "end"},
                 {"passed", passed},
                 {"failed", failed},
                 {"skipped", skipped},
                 {"errors", errors},
                 {"seconds", seconds},
                 {"exit_code", exit_code}}));
}

}  // namespace karat::properties
