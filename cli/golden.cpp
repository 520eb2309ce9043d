// SPDX-License-Identifier: MIT
// Golden data: `karat cases` writes cases as folders, `karat judge` judges what was put into them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "plugins/host/host.hpp"
#include "properties/describe.hpp"
#include "properties/golden/case_folder.hpp"
#include "properties/golden/onnx.hpp"
#include "properties/nearest.hpp"
#include "properties/rapid.hpp"
#include "properties/whole_tensor.hpp"

namespace karat::cli {
namespace {

namespace fs = std::filesystem;

struct CaseOptions {
  Narrowing narrow;
  std::string folder;
  int count = 3;
};

int cases(const CaseOptions& options) {
  options.narrow.validate();
  if (options.count < 1 || options.count > 100'000) throw UsageError("--count: expected 1 to 100000, got " + std::to_string(options.count));
  host::KernelRow any;
  int written = 0;
  for (const Operator& op : operators()) {
    if (!properties::matches(options.narrow.op, op.name)) continue;
    any.op = op.name;
    for (const Format& f : formats()) {
      const auto& dtypes = options.narrow.dtypes;
      if (!dtypes.empty() && std::find(dtypes.begin(), dtypes.end(), f.name) == dtypes.end()) continue;
      for (int i = 0; i < options.count; ++i) {
        const std::string name = op.name + "-" + std::string(f.name) + "-" + std::to_string(i);
        try {
          properties::write_case(fs::path(options.folder) / name, name, properties::random_case(op, f, any, options.narrow.seed, i).question);
        } catch (const properties::FileError& e) {
          throw UsageError(e.what());
        }
        ++written;
      }
    }
  }
  std::printf("%d cases in %s; put the outputs' files beside the inputs, then `karat judge %s/*`\n", written, options.folder.c_str(), options.folder.c_str());
  return written > 0 ? conforms : nothing_ran;
}

struct JudgeOptions {
  LevelFlags level;
  std::string onnx;
  std::vector<std::string> folders;
};

// A line an ONNX operator: how many tests, the worst difference; then what does not apply, and why.
int judge_onnx(const std::string& folder) {
  struct Line {
    std::string op;
    int tests = 0, disagree = 0;
    double of_tolerance = 0, ulps = 0;
  };
  std::map<std::string, Line> lines;
  std::map<std::string, std::vector<std::string>> left;  // reason → names
  int judged = 0, wrong = 0;
  try {
    for (const properties::OnnxTest& test : properties::read_onnx(folder)) {
      if (!test.reason.empty()) {
        left[test.shared ? test.onnx_operator + ": " + test.reason : test.reason.starts_with("the catalogue") ? "the catalogue lacks the operator" : "its model has several nodes"].push_back(test.name);
        continue;
      }
      const auto a = properties::agreement(test);
      Line& line = lines[test.onnx_operator];
      line.op = test.op;
      ++line.tests;
      ++judged;
      line.of_tolerance = a.of_tolerance <= line.of_tolerance ? line.of_tolerance : a.of_tolerance;
      line.ulps = a.ulps <= line.ulps ? line.ulps : a.ulps;
      if (!(a.of_tolerance <= 1)) {
        ++line.disagree;
        ++wrong;
        std::printf("FAIL  %s: %s times the tolerance, %s ulp\n", test.name.c_str(), properties::ulps_text(a.of_tolerance).c_str(), properties::ulps_text(a.ulps).c_str());
      }
    }
  } catch (const properties::FileError& e) {
    throw UsageError(e.what());
  }
  std::printf("%-26s %-24s %6s %9s %22s %12s\n", "ONNX", "operator", "tests", "disagree", "worst / tolerance", "worst ulp");
  for (const auto& [name, line] : lines)
    std::printf("%-26s %-24s %6d %9d %22.3g %12s\n", name.c_str(), line.op.c_str(), line.tests, line.disagree, line.of_tolerance, properties::ulps_text(line.ulps).c_str());
  std::printf("%d node tests judged, %d disagree.  Tolerance: ONNX's own, 1e-7 + 1e-3 |exact|.\n\nnot applicable:\n", judged, wrong);
  for (const auto& [reason, names] : left) std::printf("%4zu  %s%s\n", names.size(), reason.c_str(), names.size() <= 3 ? (" (" + names[0] + (names.size() > 1 ? ", …)" : ")")).c_str() : "");
  return exit_code(wrong > 0, false, judged > 0);
}

int judge(const JudgeOptions& options) {
  if (!options.onnx.empty()) return judge_onnx(options.onnx);
  if (options.folders.empty()) throw UsageError("judge: expected case folders, or --onnx DIR");
  const properties::Level level = options.level.get().value_or(properties::default_level);
  int passed = 0, wrong = 0, errors = 0, skipped = 0;
  for (const std::string& folder : options.folders) {
    try {
      const properties::CaseFolder c = properties::read_case(folder);
      const auto own = properties::level_for(level, *c.question.op, *c.question.format);
      if (!own) {
        std::printf("SKIP  %-36s %s has no rule for %s in %s\n", c.name.c_str(), properties::to_text(level).c_str(), c.question.op->name.c_str(), std::string(c.question.format->name).c_str());
        ++skipped;
        continue;
      }
      const auto verdict = properties::judge_folder(folder, c, *own);
      std::size_t failures = 0, worst = 0;
      double most = 0;
      bool undecidable = false;
      for (std::size_t i = 0; i < verdict.judgements.size(); ++i) {
        const auto& j = verdict.judgements[i];
        undecidable = undecidable || j.error;
        const double size = std::isnan(j.ulps) ? HUGE_VAL : j.ulps;
        if (j.ok) {
          if (failures == 0) most = std::max(most, j.ulps);
          continue;
        }
        if (failures == 0 || size > most) {
          worst = i;
          most = size;
        }
        ++failures;
      }
      if (undecidable) {
        std::printf("ERROR %-36s the reference does not decide a result\n", c.name.c_str());
        ++errors;
      } else if (failures == 0) {
        std::printf("PASS  %-36s %zu results, largest error %s ulp\n", c.name.c_str(), verdict.judgements.size(), properties::ulps_text(most).c_str());
        ++passed;
      } else {
        const std::string exact = properties::takes_whole_tensors(c.question, *own) ? properties::exact_in_whole_tensors(c.question, worst) : properties::exact_text(c.question, worst, 20).hex;
        std::printf("FAIL  %-36s %zu of %zu results; worst %s: %s, got %s, exact %s%s\n", c.name.c_str(), failures, verdict.judgements.size(),
                    properties::output_name(c.question, worst).c_str(), std::string(properties::to_text(verdict.judgements[worst].kind)).c_str(),
                    to_text(*c.question.format, verdict.got[worst]).c_str(), exact.c_str(),
                    std::isfinite(most) ? (", " + properties::ulps_text(most) + " ulp").c_str() : "");
        ++wrong;
      }
    } catch (const properties::FileError& e) {
      std::printf("ERROR %s\n", e.what());
      ++errors;
    }
  }
  std::printf("%d passed, %d failed, %d skipped, %d errors\n", passed, wrong, skipped, errors);
  return exit_code(wrong > 0, errors > 0, passed > 0);
}

}  // namespace

Command cases_command() {
  return {"cases", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<CaseOptions>();
            app.description("Writes cases as folders: case.json and a .npy file a tensor");
            app.footer("Example: karat cases --op 'softmax*' --dtype f32 -o golden\nThen compute the outputs anywhere, save them as the files that case.json names, and `karat judge golden/*`.");
            options->narrow.add_to(app);
            app.add_option("--count", options->count, "Cases an operator and dtype (default 3)")->type_name("N");
            app.add_option("-o,--output", options->folder, "Folder for them")->required()->type_name("DIR");
            run = [options] { return cases(*options); };
          }};
}

Command judge_command() {
  return {"judge", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<JudgeOptions>();
            app.description("Judges outputs that were computed anywhere and put into case folders");
            app.footer("Example: karat judge golden/softmax-f32-0\nA folder holds case.json, the inputs' .npy files and the outputs'.");
            app.add_option("folders", options->folders, "Case folders")->type_name("CASE_DIR");
            app.add_option("--onnx", options->onnx, "Judge the expected outputs of ONNX backend node tests instead")->type_name("DIR");
            options->level.add_to(app);
            run = [options] { return judge(*options); };
          }};
}

}  // namespace karat::cli
