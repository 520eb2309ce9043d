// SPDX-License-Identifier: MIT
// Every format against its approved text in reports/testing.  After an intended change, run
// this with KARAT_APPROVE=1, read the differences that git shows, and commit them.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "reports/report.hpp"
#include "reports/testing/samples.hpp"

using namespace karat::reports;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

void check_approved(const char* file, const std::string& text) {
  const fs::path path = testing_directory / file;
  if (std::getenv("KARAT_APPROVE")) {
    std::ofstream(path, std::ios::binary) << text;
    WARN("approved " << path);
    return;
  }
  const auto got = lines_of(text), approved = lines_of(file_text(path));
  for (std::size_t i = 0; i < std::max(got.size(), approved.size()); ++i) {
    const std::string a = i < approved.size() ? approved[i] : "(end)", g = i < got.size() ? got[i] : "(end)";
    if (a != g) FAIL(file << ":" << i + 1 << "\napproved: " << a << "\ngot:      " << g);
  }
  CHECK(text == file_text(path));
}

// Without the style and the script, which are files of their own.
std::string without(std::string page, const std::string& open, const std::string& close) {
  const auto begin = page.find(open) + open.size();
  return page.replace(begin, page.find(close, begin) - begin, "…");
}

struct Directory {
  fs::path path = fs::temp_directory_path() / ("karat-report-test-" + std::to_string(::getpid()));
  Directory() { fs::create_directories(path); }
  ~Directory() { fs::remove_all(path); }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(path)) out.push_back(entry.path().filename().string());
    std::sort(out.begin(), out.end());
    return out;
  }
};

const std::vector<std::string> report_files{"index.html", "junit.xml", "report.json", "report.md"};

}  // namespace

TEST_CASE("the console table at 100 columns is as approved") {
  check_approved("approved.txt", console_table(sample(), false, 100));
}
TEST_CASE("the console table at 60 columns is as approved") {
  check_approved("approved.narrow.txt", console_table(sample(), false, 60));
}
TEST_CASE("the coloured console table is as approved") {
  check_approved("approved.colour.txt", console_table(sample(), true, 80, false));
}
TEST_CASE("the Markdown report is as approved") { check_approved("approved.md", markdown(sample())); }
TEST_CASE("the JUnit report is as approved") { check_approved("approved.xml", junit(sample())); }
TEST_CASE("the JSON report is as approved") { check_approved("approved.json", json(sample())); }
TEST_CASE("the HTML report is as approved") {
  check_approved("approved.html",
                 without(without(html(sample()), "<style>", "</style>"), "<script>", "</script>"));
}

TEST_CASE("hostile names cannot become Markdown, links or markup") {
  const std::string text = markdown(hostile_records());
  bool fenced = false;
  for (const std::string& line : lines_of(text)) {
    if (line.starts_with("```")) {
      fenced = !fenced;
      continue;
    }
    if (fenced) continue;
    INFO(line);
    CHECK(line.find("<script") == std::string::npos);
    if (line.starts_with("| ")) CHECK(line.find("|`") == std::string::npos);
  }
  CHECK_FALSE(fenced);
}

TEST_CASE("the JSON report holds the merged records, with non-finite figures as text") {
  const auto document = nlohmann::json::parse(json(sample()));
  CHECK(document["schema"] == 1);
  CHECK(document["totals"]["passed"] == 13);
  CHECK(document["kernels"].size() == 23);
  CHECK(document["kernels"][12]["failures"][0]["from"] == "-0x1.62e42ep+6");
  CHECK(document["kernels"][21]["max_ulp"] == "nan");
  CHECK(document["runs"][0]["complete"] == true);
  CHECK(nlohmann::json::accept(json(hostile_records())));
  CHECK(nlohmann::json::parse(json(hostile_records()))["plugins"][0]["plugin"] == hostile);
}

TEST_CASE("write_all leaves four files and nothing else, also over an old report") {
  const Directory directory;
  const fs::path target = directory.path / "deep" / "report";
  write_all(Records{}, target);
  write_all(sample(), target);
  CHECK(file_text(target / "index.html") == html(sample()));
  CHECK(file_text(target / "report.md") == markdown(sample()));
  CHECK(file_text(target / "junit.xml") == junit(sample()));
  CHECK(file_text(target / "report.json") == json(sample()));
  CHECK(std::distance(fs::directory_iterator(target), fs::directory_iterator()) == 4);
}

TEST_CASE("write_all says why it cannot write") {
  const Directory directory;
  std::ofstream(directory.path / "file") << "x";
  CHECK_THROWS_WITH(write_all(sample(), directory.path / "file"), Contains("file"));
  CHECK_THROWS_WITH(write_all(sample(), directory.path / "file" / "below"), Contains("cannot make"));
  CHECK_THROWS_WITH(write_all(sample(), "/proc/karat"), Contains("/proc/karat"));
}

TEST_CASE("a destination that cannot be replaced leaves the old report whole") {
  const Directory directory;
  write_all(Records{}, directory.path);
  fs::remove(directory.path / "junit.xml");
  fs::create_directory(directory.path / "junit.xml");
  CHECK_THROWS_WITH(write_all(sample(), directory.path), Contains("junit.xml") && Contains("directory"));
  CHECK(directory.files() == report_files);
  CHECK(file_text(directory.path / "index.html") == html(Records{}));
}

TEST_CASE("a full disk leaves the old report whole and nothing half written") {
  const Directory directory;
  write_all(Records{}, directory.path);
  const std::string before = file_text(directory.path / "index.html");
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &old) == 0);
  rlimit small = old;
  small.rlim_cur = 4096;
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  try {
    write_all(sample(), directory.path);
  } catch (const std::runtime_error& e) {
    message = e.what();
  }
  setrlimit(RLIMIT_FSIZE, &old);
  CHECK_THAT(message, Contains("cannot write") && Contains("index.html"));
  CHECK(directory.files() == report_files);
  CHECK(file_text(directory.path / "index.html") == before);
}
