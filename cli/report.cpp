// SPDX-License-Identifier: MIT
#include "reports/report.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/command.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string directory, format = "console";
};

int report(const Options& options) {
  const std::vector<std::filesystem::path> files(options.files.begin(), options.files.end());
  const reports::Records records = [&] {
    try {
      return reports::read(files);
    } catch (const reports::RecordError& e) {
      throw UsageError(e.what());
    }
  }();
  if (!options.directory.empty()) {
    reports::write_all(records, options.directory);
    std::printf("report: %s\n", (std::filesystem::path(options.directory) / "index.html").c_str());
    return conforms;
  }
  std::string text;
  if (options.format == "console") text = reports::console_table(records, stdout_is_terminal(), terminal_width());
  if (options.format == "markdown") text = reports::markdown(records);
  if (options.format == "junit") text = reports::junit(records);
  if (options.format == "html") text = reports::html(records);
  if (options.format == "json") text = reports::json(records);
  std::fputs(text.c_str(), stdout);
  return conforms;
}

}  // namespace

Command report_command() {
  return {"report", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Turns record files into pages; it judges nothing, so its exit code is 0 if they could be read");
            app.footer(
                "Examples:\n"
                "  karat report run.jsonl -o report\n"
                "  karat report part1.jsonl part2.jsonl --format markdown");
            app.add_option("files", options->files, "Record files; - is standard input")->required()->type_name("FILE.jsonl");
            auto* directory = app.add_option("-o,--output", options->directory, "Write index.html, report.md, junit.xml and report.json into DIR")->type_name("DIR");
            app.add_option("--format", options->format, "Print one format instead")
                ->check(CLI::IsMember({"console", "markdown", "junit", "html", "json"}))
                ->excludes(directory);
            run = [options] { return report(*options); };
          }};
}

}  // namespace karat::cli
