// SPDX-License-Identifier: MIT
#include "reports/testing/samples.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace karat::reports {

std::string file_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

Records hostile_records() {
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
