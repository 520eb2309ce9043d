// SPDX-License-Identifier: MIT
// JUnit XML as CI systems read it: one suite a back end, one case a kernel row and dtype.
#include <fmt/format.h>

#include <pugixml.hpp>
#include <sstream>

#include "reports/report.hpp"
#include "reports/text.hpp"
#include "reports/view.hpp"

namespace karat::reports {
namespace {

// The log's own record of what went on beside the kernels: runs that were cut off.
constexpr const char* own_suite = "karat";

void set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(printable(value).c_str());
}

std::string seconds(double s) { return fmt::format("{:.6f}", s > 0 && s < 1e12 ? s : 0.0); }

pugi::xml_node add_case(pugi::xml_node suite, const std::string& group, const std::string& name,
                        double time) {
  pugi::xml_node node = suite.append_child("testcase");
  set(node, "classname", group);
  set(node, "name", name);
  set(node, "time", seconds(time));
  return node;
}

void add_outcome(pugi::xml_node test, const char* element, const std::string& type,
                 const std::string& message, const std::string& text) {
  pugi::xml_node node = test.append_child(element);
  set(node, "message", message);
  if (!type.empty()) set(node, "type", type);
  if (text.empty()) return;
  std::string body;  // cleaned line by line, so that line ends stay
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) body += printable(line) + '\n';
  node.text().set(body.c_str());
}

void add_kernel(pugi::xml_node suite, const Kernel& k) {
  const std::string kernel = k.kernel.empty() || k.kernel == k.op ? "" : " " + k.kernel;
  pugi::xml_node test = add_case(suite, k.plugin + "." + k.op, k.op + kernel + " " + k.dtype, k.seconds);
  switch (k.verdict) {
    case Verdict::pass:
      return;
    case Verdict::skip:
      add_outcome(test, "skipped", "", k.reason, "");
      return;
    case Verdict::error:
      add_outcome(test, "error", "error", k.reason, "");
      return;
    case Verdict::fail:
      break;
  }
  std::string text, message = k.kind;
  for (const Failure& f : k.failures) text += failure_block(k, f, false, 0);
  if (!k.failures.empty()) {
    const Failure& first = k.failures.front();
    if (!first.message.empty()) message += ": " + first.message;
    if (!first.replay.empty()) message += "; replay: " + first.replay;
  }
  add_outcome(test, "failure", k.kind, message, text);
}

void properties(pugi::xml_node suite, const BackEnd& b, const Records& records) {
  pugi::xml_node list = suite.append_child("properties");
  const auto add = [&](const std::string& name, const std::string& value) {
    if (value.empty()) return;
    pugi::xml_node node = list.append_child("property");
    set(node, "name", name);
    set(node, "value", value);
  };
  if (b.plugin) {
    add("version", b.plugin->version);
    add("path", b.plugin->path);
    for (const std::string& warning : b.plugin->warnings) add("warning", warning);
  }
  const std::size_t run = b.plugin ? b.plugin->run : b.kernels.empty() ? 0 : b.kernels.front()->run;
  if (run < records.runs.size()) {
    const Environment& e = records.runs[run].environment;
    add("karat", e.karat);
    add("cpu", e.cpu);
    add("seed", e.seed);
    add("level", e.level);
    if (!e.time.empty())
      set(suite, "timestamp", e.time.ends_with('Z') ? e.time.substr(0, e.time.size() - 1) : e.time);
  }
  if (!list.first_child()) suite.remove_child(list);
}

struct Sum {
  std::uint64_t tests = 0, failures = 0, errors = 0, skipped = 0;
  double time = 0;
  void operator+=(const Sum& o) {
    tests += o.tests, failures += o.failures, errors += o.errors, skipped += o.skipped, time += o.time;
  }
  void write(pugi::xml_node node) const {
    set(node, "tests", std::to_string(tests));
    set(node, "failures", std::to_string(failures));
    set(node, "errors", std::to_string(errors));
    set(node, "skipped", std::to_string(skipped));
    set(node, "time", seconds(time));
  }
};

Sum add_back_end(pugi::xml_node root, const BackEnd& b, const Records& records) {
  pugi::xml_node suite = root.append_child("testsuite");
  set(suite, "name", b.name);
  Sum sum{b.totals.all(), b.totals.failed, b.totals.errors, b.totals.skipped};
  for (const Kernel* k : b.kernels) sum.time += k->seconds > 0 ? k->seconds : 0;
  for (const Sweep& s : records.sweeps)
    if (s.kernel.plugin == b.name) sum.time += s.seconds;
  const bool unloaded = b.plugin && !b.plugin->loaded;
  sum.tests += unloaded, sum.errors += unloaded;
  sum.write(suite);
  properties(suite, b, records);
  if (unloaded) add_outcome(add_case(suite, b.name, "load", 0), "error", "load", b.plugin->error, "");
  for (const Kernel* k : b.kernels) add_kernel(suite, *k);
  for (const Sweep& s : records.sweeps)
    if (s.kernel.plugin == b.name) {
      Kernel k = s.kernel;  // its name beside that of the same kernel's check
      k.kernel += (k.kernel.empty() ? "sweep" : " sweep") + (s.isa.empty() ? "" : " " + s.isa);
      k.seconds = s.seconds;
      add_kernel(suite, k);
    }
  return sum;
}

// A run that was cut off must not look like one that passed.
Sum add_runs(pugi::xml_node root, const Records& records) {
  Sum sum;
  pugi::xml_node suite;
  for (const Run& r : records.runs) {
    if (r.end) continue;
    if (!suite) suite = root.append_child("testsuite");
    ++sum.tests, ++sum.errors;
    add_outcome(add_case(suite, own_suite, "run complete: " + r.file + ":" + std::to_string(r.line), 0),
                "error", "incomplete", "the records stop before their end line: the run was cut off", "");
  }
  if (!suite) return sum;
  set(suite, "name", own_suite);
  sum.write(suite);
  return sum;
}

}  // namespace

std::string junit(const Records& records) {
  pugi::xml_document document;
  pugi::xml_node declaration = document.append_child(pugi::node_declaration);
  declaration.append_attribute("version") = "1.0";
  declaration.append_attribute("encoding") = "UTF-8";
  pugi::xml_node root = document.append_child("testsuites");
  Sum sum;
  for (const BackEnd& b : back_ends(records)) sum += add_back_end(root, b, records);
  sum += add_runs(root, records);
  set(root, "name", "karat");
  sum.write(root);
  std::ostringstream out;
  document.save(out, " ", pugi::format_indent, pugi::encoding_utf8);
  return out.str();
}

}  // namespace karat::reports
