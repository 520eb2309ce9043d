// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.hpp"
#include "cli/temporary.hpp"
#include "properties/describe.hpp"
#include "properties/record.hpp"
#include "properties/replay.hpp"
#include "reports/report.hpp"

namespace karat::cli {
namespace {

int replay(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  properties::Replay line;
  try {
    line = properties::parse_replay(text);
  } catch (const properties::ReplayError& e) {
    throw UsageError(std::string(e.what()) + "\n  a line reads: PLUGIN OPERATOR DTYPE name=value …, such as 'libm tanh f32 x=0x1p-3'");
  }
  host::Worker worker(host::find_plugin(line.plugin));
  const properties::KernelVerdict v = [&] {
    try {
      return properties::replay(worker, line);
    } catch (const properties::ReplayError& e) {
      throw UsageError(e.what());
    }
  }();
  const TemporaryFile file;
  {
    properties::Recorder recorder(file.path(), {{"karat", "replay", text}, 1, line.level});
    recorder.plugin(line.plugin, worker.info(), worker.path());
    recorder.verdict(v);
    using Result = properties::KernelVerdict::Result;
    recorder.end(v.result == Result::pass, v.result == Result::fail, v.result == Result::skip, v.result == Result::error, v.seconds, 0);
  }
  const std::filesystem::path files[] = {file.path()};
  const reports::Records records = reports::read(files);
  switch (v.result) {
    case properties::KernelVerdict::Result::fail:
      for (const auto& kernel : records.kernels)
        for (const auto& failure : kernel.failures)
          std::fputs(reports::failure_block(kernel, failure, stdout_is_terminal(), terminal_width()).c_str(), stdout);
      return failed;
    case properties::KernelVerdict::Result::pass:
      std::printf("PASS  %s/%s %s  largest error %s ulp, level %s\n", v.plugin.c_str(), v.op.c_str(), v.dtype.c_str(),
                  properties::ulps_text(v.max_ulp).c_str(), properties::to_text(v.level).c_str());
      for (const std::string& note : v.notes) std::printf("      %s\n", note.c_str());
      return conforms;
    case properties::KernelVerdict::Result::skip:
      std::printf("SKIP  %s/%s %s  %s\n", v.plugin.c_str(), v.op.c_str(), v.dtype.c_str(), v.reason.c_str());
      return nothing_ran;
    case properties::KernelVerdict::Result::error: break;
  }
  std::printf("ERROR %s/%s %s  %s\n", v.plugin.c_str(), v.op.c_str(), v.dtype.c_str(), v.reason.c_str());
  return not_judged;
}

}  // namespace

Command replay_command() {
  return {"replay", [](CLI::App& app, std::function<int()>& run) {
            auto words = std::make_shared<std::vector<std::string>>();
            app.description("Runs one line that a failure printed, to the same bits");
            app.footer("Example: karat replay 'broken/relu_loses_nan relu f32 x=nan'");
            app.add_option("line", *words, "PLUGIN OPERATOR DTYPE name=value …")->required()->type_name("LINE");
            run = [words] { return replay(*words); };
          }};
}

}  // namespace karat::cli
