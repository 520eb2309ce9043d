// SPDX-License-Identifier: MIT
// Golden data: `karat cases` writes cases as folders, `karat judge` judges what was put into them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>

#include "cli/command.hpp"
#include "plugins/host/host.hpp"
#include "properties/describe.hpp"
#include "properties/golden/case_folder.hpp"
#include "properties/nearest.hpp"
#include "properties/rapid.hpp"

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
  std::vector<std::string> folders;
};

int judge(const JudgeOptions& options) {
  const properties::Level level = options.level.get().value_or(properties::default_level);
  int passed = 0, wrong = 0, errors = 0;
  for (const std::string& folder : options.folders) {
    try {
      const properties::CaseFolder c = properties::read_case(folder);
      const auto verdict = properties::judge_folder(folder, c, level);
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
        const auto exact = properties::exact_text(c.question, worst, 20);
        std::printf("FAIL  %-36s %zu of %zu results; worst %s: %s, got %s, exact %s%s\n", c.name.c_str(), failures, verdict.judgements.size(),
                    properties::output_name(c.question, worst).c_str(), std::string(properties::to_text(verdict.judgements[worst].kind)).c_str(),
                    to_text(*c.question.format, verdict.got[worst]).c_str(), exact.hex.c_str(),
                    std::isfinite(most) ? (", " + properties::ulps_text(most) + " ulp").c_str() : "");
        ++wrong;
      }
    } catch (const properties::FileError& e) {
      std::printf("ERROR %s\n", e.what());
      ++errors;
    }
  }
  std::printf("%d passed, %d failed, %d errors\n", passed, wrong, errors);
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
            app.add_option("folders", options->folders, "Case folders")->required()->type_name("CASE_DIR");
            options->level.add_to(app);
            run = [options] { return judge(*options); };
          }};
}

}  // namespace karat::cli
