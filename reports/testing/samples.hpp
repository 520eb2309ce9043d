// SPDX-License-Identifier: MIT
// Records for tests.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "reports/record.hpp"

namespace karat::reports {

inline const std::filesystem::path testing_directory = KARAT_SOURCE_DIR "/reports/testing";

inline std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline std::string sample_text() { return file_text(testing_directory / "sample.jsonl"); }
inline Records sample() { return parse(sample_text(), "sample.jsonl"); }

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

inline const std::string environment_line = R"({"type":"environment","schema":1,"karat":"0.1.0"})";
inline const std::string kernel_line =
    R"({"type":"kernel","plugin":"p","op":"tanh","kernel":"exact","dtype":"f32","level":"faithful","verdict":"pass","max_ulp":0.75})";
inline const std::string end_line = R"({"type":"end","passed":1,"failed":0,"skipped":0,"errors":0})";

// Every text field holds what breaks a careless writer: markup, quotes, control characters,
// a terminal escape, text that reverses the direction, template braces.
inline const std::string hostile =
    "<script>alert('\"&')</script>]]>\x1b[31m|`\x01\t\n\r\u202E{{style}}\x7f\uFFFE";

inline Records hostile_records() {
  Records r;
  Run run;
  run.file = hostile;
  run.environment = {hostile, {hostile}, hostile, hostile, hostile,   hostile, hostile,
                     hostile, hostile,   hostile, 1,       {hostile}, {}};
  r.runs.push_back(run);
  Plugin plugin;
  plugin.plugin = plugin.path = plugin.version = plugin.description = plugin.abi = plugin.error = hostile;
  plugin.warnings = {hostile};
  r.plugins.push_back(plugin);
  for (const Verdict v : {Verdict::fail, Verdict::skip, Verdict::error, Verdict::pass}) {
    Kernel k;
    k.plugin = k.kernel = k.dtype = k.level = k.claim = k.kind = k.reason = hostile;
    k.op = hostile + std::string(name(v));
    k.verdict = v;
    k.max_ulp_at = {{hostile, hostile}};
    k.policies = {{hostile, 1}};
    k.undecided = 1;
    Failure f;
    f.kind = f.message = f.got = f.exact = f.exact_decimal = f.from = f.to = f.replay = hostile;
    f.at = {{hostile, hostile}, {hostile, hostile}};
    f.count = 2;
    if (v == Verdict::fail) k.failures = {f};
    r.kernels.push_back(k);
  }
  Timing t;
  t.plugin = t.op = t.kernel = t.dtype = t.size = t.reason = hostile;
  r.timings = {t, t};
  r.timings[1].verified = true;
  r.timings[1].median_seconds = 1e-6;
  r.notes = {hostile};
  return r;
}

}  // namespace karat::reports
