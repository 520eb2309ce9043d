// SPDX-License-Identifier: MIT
#include "reports/record.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "reports/fields.hpp"
#include "reports/record_fields.hpp"
#include "reports/text.hpp"

namespace karat::reports {
namespace {

Verdict verdict(Fields& fields) {
  const std::string text = fields.get_text("verdict");
  for (const Verdict v : {Verdict::pass, Verdict::fail, Verdict::skip, Verdict::error})
    if (text == name(v)) return v;
  fields.wrong("verdict", R"("pass", "fail", "skip" or "error")");
}

Failure failure(const nlohmann::json& value, std::size_t index, Place place, std::uint64_t& unknown) {
  Fields f(value, "kernel record, failures[" + std::to_string(index) + "]", place);
  Failure out;
  out.kind = f.get_text("kind");
  out.count = f.count("count");
  out.message = f.text("message");
  out.at = f.values("at");
  out.got = f.text("got");
  out.exact = f.text("exact");
  out.exact_decimal = f.text("exact_decimal");
  out.ulp = f.figure("ulp");
  out.allowed = f.figure("allowed");
  out.level = f.text("level");
  out.from = f.text("from");
  out.to = f.text("to");
  out.replay = f.text("replay");
  out.simplest = f.text("simplest");
  out.waived = f.text("waived");
  unknown += f.unknown();
  return out;
}

}  // namespace

std::string where(const std::string& file, std::size_t line) {
  const std::string shown = file == "-" ? "standard input" : printable(file);
  return line == 0 ? shown : shown + ":" + std::to_string(line);
}

RecordError::RecordError(std::string file_, std::size_t line_, std::string expected_, std::string got_,
                         std::string advice)
    : std::runtime_error(where(file_, line_) + ": expected " + expected_ + "; got " + got_ + "; " + advice),
      file(std::move(file_)),
      line(line_),
      expected(std::move(expected_)),
      got(std::move(got_)),
      what_to_do(std::move(advice)) {}

std::string_view name(Verdict v) {
  switch (v) {
    case Verdict::pass:
      return "pass";
    case Verdict::fail:
      return "fail";
    case Verdict::skip:
      return "skip";
    case Verdict::error:
      return "error";
  }
  return "error";
}

void Totals::add(Verdict v) {
  switch (v) {
    case Verdict::pass:
      ++passed;
      return;
    case Verdict::fail:
      ++failed;
      return;
    case Verdict::skip:
      ++skipped;
      return;
    case Verdict::error:
      ++errors;
      return;
  }
}

Totals Records::totals() const {
  Totals sum;
  for (const Kernel& k : kernels) sum.add(k.verdict);
  for (const Sweep& s : sweeps) sum.add(s.kernel.verdict);
  return sum;
}

nlohmann::json parse_line(std::string_view line, Place place) {
  const char* const advice = "write the record again, or remove the line if the writer was interrupted there";
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > deepest_nesting)
        throw RecordError(place.file, place.line,
                          "at most " + std::to_string(deepest_nesting) + " levels of nesting", "more",
                          advice);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  try {
    auto value = nlohmann::json::parse(line);
    if (!value.is_object())
      throw RecordError(place.file, place.line, "a JSON object with `type`", excerpt(value), advice);
    return value;
  } catch (const nlohmann::json::exception& e) {
    // "[json.exception.parse_error.101] parse error at line 1, column 7: …": keep the column and the reason.
    std::string reason = e.what();
    if (const auto bracket = reason.find("] "); bracket != std::string::npos) reason.erase(0, bracket + 2);
    if (const auto at = reason.find(" at line 1,"); at != std::string::npos) reason.erase(at, 11);
    throw RecordError(place.file, place.line,
                      "one JSON object in UTF-8 (" + shorten(printable(reason), 140) + ")",
                      line.empty() ? "an empty line" : shown(line), advice);
  }
}

Environment environment_fields(const nlohmann::json& value, Place place, std::uint64_t& unknown) {
  Fields f(value, "environment record", place);
  const std::uint64_t version = f.get_count("schema");
  if (version != schema)
    throw RecordError(place.file, place.line, "schema " + std::to_string(schema),
                      "schema " + std::to_string(version),
                      version > schema ? "read it with the karat that wrote it or a newer one"
                                       : "there is no such schema; write the record again");
  Environment out;
  out.karat = f.get_text("karat");
  out.command = f.texts("command");
  out.time = f.text("time");
  out.cpu = f.text("cpu");
  out.cores = f.count("cores");
  out.isa = f.texts("isa");
  out.kernel = f.text("kernel");
  out.libc = f.text("libc");
  out.compiler = f.text("compiler");
  out.flags = f.text("flags");
  out.seed = f.seed("seed");
  out.level = f.text("level");
  if (const auto* caches = f.object("caches")) {
    Fields c(*caches, "environment record, `caches`", place);
    out.caches = {c.count("l1"), c.count("l2"), c.count("l3")};
    unknown += c.unknown();
  }
  unknown += f.unknown() - 1;  // `type`
  return out;
}

Plugin plugin_fields(const nlohmann::json& value, Place place, std::uint64_t& unknown) {
  Fields f(value, "plugin record", place);
  Plugin out;
  out.plugin = f.get_text("plugin");
  out.path = f.text("path");
  out.version = f.text("version");
  out.description = f.text("description");
  out.abi = f.text("abi");
  out.kernels = f.count("kernels");
  const std::string status = f.get_text("status");
  if (status != "loaded" && status != "error") f.wrong("status", R"("loaded" or "error")");
  out.loaded = status == "loaded";
  out.error = out.loaded ? f.text("error") : f.get_text("error");
  out.warnings = f.texts("warnings");
  unknown += f.unknown() - 1;
  return out;
}

Kernel kernel_fields(const nlohmann::json& value, Place place, std::uint64_t& unknown) {
  Fields f(value, "kernel record", place);
  Kernel out;
  out.plugin = f.get_text("plugin");
  out.op = f.get_text("op");
  out.kernel = f.get_text("kernel");
  out.dtype = f.get_text("dtype");
  out.level = f.text("level");
  out.claim = f.text("claim");
  out.verdict = verdict(f);
  out.kind = out.verdict == Verdict::fail ? f.get_text("kind") : f.text("kind");
  const bool reasoned = out.verdict == Verdict::skip || out.verdict == Verdict::error;
  out.reason = reasoned ? f.get_text("reason") : f.text("reason");
  out.calls = f.count("calls");
  out.elements = f.count("elements");
  out.exhaustive = f.flag("exhaustive");
  out.max_ulp = f.figure("max_ulp");
  out.max_ulp_at = f.values("max_ulp_at");
  out.correctly_rounded = f.figure("correctly_rounded");
  out.undecided = f.count("undecided");
  out.meaningful = f.count("meaningful");
  out.vacuous = f.count("vacuous");
  out.policies = f.counts("policies");
  out.laws = f.counts("laws");
  out.compute = f.text("compute");
  out.notes = f.texts("notes");
  out.warnings = f.texts("warnings");
  if (const auto* failures = f.array("failures"))
    for (const auto& item : *failures)
      out.failures.push_back(failure(item, out.failures.size(), place, unknown));
  out.seconds = f.number("seconds").value_or(0);
  unknown += f.unknown() - 1;
  return out;
}

Sweep sweep_fields(const nlohmann::json& value, Place place, std::uint64_t& unknown) {
  Sweep out;
  std::uint64_t beside = 0;  // fields that a kernel's record has not
  out.kernel = kernel_fields(value, place, beside);
  Fields f(value, "sweep record", place);
  out.version = f.text("version");
  out.isa = f.text("isa");
  out.sweeps = f.text("sweeps");
  out.complete = f.get_flag("complete");
  out.failing = f.count("failing");
  out.seconds = f.number("seconds").value_or(0);
  out.inputs_per_second = f.number("inputs_per_second").value_or(0);
  const nlohmann::json* result = f.object("result");
  if (!result) f.wrong("result", "an object");
  Fields r(*result, "sweep record, `result`", place);
  out.inputs = r.get_count("inputs");
  out.outside = r.count("outside");
  out.special = r.count("special");
  out.finite = r.get_count("finite");
  out.rounded = r.count("rounded");
  out.escalated = r.count("escalated");
  out.by_budget = r.count("by_budget");
  out.hash = r.get_text("hash");
  out.kernel.max_ulp = r.figure("max_ulp");
  out.kernel.max_ulp_at = r.values("max_ulp_at");
  out.kernel.correctly_rounded = r.figure("correctly_rounded");
  out.kernel.undecided = r.count("undecided");
  out.kernel.policies = r.counts("policies");
  out.kernel.exhaustive = out.complete;
  out.over = r.counts("over");
  std::sort(out.over.begin(), out.over.end(), [](const auto& a, const auto& b) { return std::atof(a.first.c_str()) < std::atof(b.first.c_str()); });
  if (const auto* worst = r.array("worst"))
    for (const auto& item : *worst) {
      Fields w(item, "sweep record, `worst`", place);
      out.worst.push_back({w.text("input"), w.text("result"), w.figure("ulp"), w.values("at"), w.text("got")});
    }
  if (const auto* binades = r.array("by_binade"))
    for (const auto& item : *binades) {
      const bool fits = item.is_array() && item.size() >= 7 && item[0].is_string() && item[1].is_number_unsigned() && item[2].is_number_unsigned() && item[3].is_number_unsigned() && item[6].is_number();
      if (!fits) r.wrong("by_binade", "arrays [from, results, over 0.5, 1, 2, 4, largest error]");
      out.binades.push_back({item[0].get<std::string>(), item[1].get<std::uint64_t>(), item[2].get<std::uint64_t>(), item[3].get<std::uint64_t>(), item[6].get<double>()});
    }
  if (const auto* falls = r.object("not_monotone")) out.not_monotone = Fields(*falls, "sweep record, `not_monotone`", place).count("count");
  (void)unknown;
  return out;
}

namespace {

void timing_parts(Fields& f, Place place, Timing& out, std::uint64_t& unknown) {
  if (const auto* seconds = f.object("seconds")) {
    Fields s(*seconds, "timing record, `seconds`", place);
    out.min_seconds = s.number("min");
    out.median_seconds = s.number("median");
    out.max_seconds = s.number("max");
    unknown += s.unknown();
  }
  if (const auto* machine = f.object("machine")) {
    Fields m(*machine, "timing record, `machine`", place);
    const auto rate = [&](const char* field) { return m.number(field).value_or(0); };
    out.machine = {rate("copy_gb_per_s"), rate("copy_nontemporal_gb_per_s"), rate("read_gb_per_s"), rate("gflop_per_s")};
    unknown += m.unknown();
  }
  if (const auto* limit = f.object("limit")) {
    Fields l(*limit, "timing record, `limit`", place);
    out.limit = {l.text("by"), l.number("seconds"), l.number("share")};
    unknown += l.unknown();
  }
  if (const auto* list = f.array("by_repetition"))
    for (const auto& seconds : *list) {
      if (!seconds.is_number()) f.wrong("by_repetition", "an array of numbers");
      out.by_repetition.push_back(seconds.get<double>());
    }
  if (const auto* list = f.array("faster_than"))
    for (const auto& item : *list) {
      Fields s(item, "timing record, `faster_than`", place);
      out.faster_than.push_back({s.get_text("plugin"), s.get_text("kernel"), s.number("times"), s.number("p")});
      unknown += s.unknown();
    }
}

}  // namespace

Timing timing_fields(const nlohmann::json& value, Place place, std::uint64_t& unknown) {
  Fields f(value, "timing record", place);
  Timing out;
  out.plugin = f.get_text("plugin");
  out.op = f.get_text("op");
  out.kernel = f.get_text("kernel");
  out.dtype = f.get_text("dtype");
  out.size = f.get_text("size");
  out.call = f.text("call");
  out.cache = f.text("cache");
  out.shape = f.integers("shape");
  out.elements = f.count("elements");
  out.bytes = f.count("bytes");
  out.read = f.count("read");
  out.written = f.count("written");
  out.threads = f.get_count("threads");
  out.repetitions = f.count("repetitions");
  out.verified = f.get_flag("verified");
  out.reason = f.text("reason");
  timing_parts(f, place, out, unknown);
  out.spread = f.number("spread");
  out.ns_per_element = f.number("ns_per_element");
  out.gb_per_s = f.number("gb_per_s");
  out.gflop_per_s = f.number("gflop_per_s");
  out.flops = f.number("flops");
  out.copy_seconds = f.number("copy_seconds");
  out.ratio_to_copy = f.number("ratio_to_copy");
  out.max_ulp = f.figure("max_ulp");
  unknown += f.unknown() - 1;
  return out;
}

End end_fields(const nlohmann::json& value, Place place, std::uint64_t& unknown) {
  Fields f(value, "end record", place);
  End out;
  out.passed = f.get_count("passed");
  out.failed = f.get_count("failed");
  out.skipped = f.get_count("skipped");
  out.errors = f.get_count("errors");
  out.seconds = f.number("seconds").value_or(0);
  out.exit_code = f.integer("exit_code");
  unknown += f.unknown() - 1;
  return out;
}

Kernel parse_kernel(std::string_view line, const std::string& name) {
  const Place place{name, 1};
  if (line.size() > longest_line)
    throw RecordError(name, 1, "at most " + std::to_string(longest_line) + " bytes",
                      std::to_string(line.size()), "write fewer failures");
  const auto value = parse_line(line, place);
  Fields f(value, "record", place);
  if (f.get_text("type") != "kernel") f.wrong("type", "\"kernel\"");
  std::uint64_t unknown = 0;
  return kernel_fields(value, place, unknown);
}

}  // namespace karat::reports
