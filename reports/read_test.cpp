// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "reports/record.hpp"
#include "reports/testing/samples.hpp"

using namespace karat::reports;
using Catch::Contains;

namespace {

// Reads text that must be refused, and says how it was.
RecordError refused(const std::string& text) {
  try {
    parse(text, "run.jsonl");
  } catch (const RecordError& e) {
    return e;
  }
  FAIL("accepted: " << text.substr(0, 200));
  std::abort();
}

// A kernel line with `field` set to the JSON text `value` (or left out if that is empty).
std::string kernel_with(const std::string& field, const std::string& value) {
  const std::vector<std::pair<std::string, std::string>> usual{{"plugin", "\"p\""},
                                                               {"op", "\"tanh\""},
                                                               {"kernel", "\"exact\""},
                                                               {"dtype", "\"f32\""},
                                                               {"verdict", "\"pass\""}};
  std::string out = R"({"type":"kernel")";
  for (const auto& [name, text] : usual)
    if (name != field) out += ",\"" + name + "\":" + text;
  if (!value.empty()) out += ",\"" + field + "\":" + value;
  return out + "}";
}

std::string file_of(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

}  // namespace

TEST_CASE("a record file is read field by field") {
  const Records r = sample();
  REQUIRE(r.runs.size() == 1);
  const Environment& e = r.runs[0].environment;
  CHECK(e.karat == "0.1.0");
  CHECK(e.seed == "20260314");
  CHECK(e.isa == std::vector<std::string>{"avx2", "fma", "avx512f", "avx512vl"});
  CHECK(e.caches[1] == 1048576);
  REQUIRE(r.runs[0].end);
  CHECK(r.runs[0].end->exit_code == 1);
  CHECK(r.plugins.size() == 4);
  CHECK_FALSE(r.plugins[3].loaded);
  CHECK(r.kernels.size() == 23);
  CHECK(r.timings.size() == 6);
  CHECK(r.notes.empty());
  const Totals t = r.totals();
  CHECK(t.passed == 13);
  CHECK(t.failed == 7);
  CHECK(t.skipped == 2);
  CHECK(t.errors == 1);

  const Kernel& k = r.kernels[12];
  CHECK(k.op == "sigmoid");
  CHECK(k.verdict == Verdict::fail);
  REQUIRE(k.failures.size() == 2);
  CHECK(k.failures[0].count == 4213);
  CHECK(k.failures[0].ulp == 1318273.25);
  CHECK(k.failures[0].at[0].value == "-0x1.5d589ep+6");
  CHECK_FALSE(k.failures[1].ulp);
  CHECK(r.timings[0].shape == std::vector<std::int64_t>{2048});
  CHECK(r.timings[0].median_seconds == 9.1e-7);
  CHECK_FALSE(r.timings[5].verified);
}

TEST_CASE("error figures may be the texts inf and nan") {
  CHECK(std::isnan(*parse_kernel(kernel_with("max_ulp", "\"nan\"")).max_ulp));
  CHECK(std::isinf(*parse_kernel(kernel_with("max_ulp", "\"inf\"")).max_ulp));
  CHECK_THROWS_AS(parse_kernel(kernel_with("max_ulp", "\"0.5\"")), RecordError);
  CHECK_THROWS_AS(parse_kernel(kernel_with("max_ulp", "null")), RecordError);
}

TEST_CASE("a refused record names the file, the line, what was expected, what is there and what to do") {
  const RecordError e =
      refused(file_of({environment_line, kernel_line, kernel_with("verdict", "\"maybe\"")}));
  CHECK(e.file == "run.jsonl");
  CHECK(e.line == 3);
  CHECK_THAT(e.what(), Contains("run.jsonl:3: expected") && Contains("`verdict`") && Contains("\"pass\"") &&
                           Contains("got \"maybe\"") && Contains("docs/records.md"));
}

TEST_CASE("an empty file is refused") {
  CHECK(refused("").line == 0);
  CHECK_THAT(refused("").what(), Contains("empty file"));
  CHECK_THAT(refused("\n\n").what(), Contains("empty file"));
}

TEST_CASE("the first line must be an environment of this schema") {
  CHECK(refused(file_of({kernel_line})).line == 1);
  CHECK_THAT(refused(file_of({kernel_line})).what(), Contains("environment") && Contains("kernel"));
  const RecordError newer = refused(R"({"type":"environment","schema":2,"karat":"9"})"
                                    "\n");
  CHECK_THAT(newer.what(), Contains("expected schema 1; got schema 2") && Contains("newer"));
  CHECK_THROWS_AS(parse(R"({"type":"environment","schema":0,"karat":"9"})"
                        "\n",
                        "f"),
                  RecordError);
  CHECK_THROWS_AS(parse(R"({"type":"environment","schema":"1","karat":"9"})"
                        "\n",
                        "f"),
                  RecordError);
  CHECK_THROWS_AS(parse(R"({"type":"environment","karat":"9"})"
                        "\n",
                        "f"),
                  RecordError);
  CHECK_THROWS_AS(parse(R"({"type":"environment","schema":18446744073709551615,"karat":"9"})"
                        "\n",
                        "f"),
                  RecordError);
}

TEST_CASE("a broken line is refused with its number and the column") {
  const RecordError e = refused(file_of({environment_line, R"({"type":"kernel","plugin":})"}));
  CHECK(e.line == 2);
  CHECK_THAT(e.what(), Contains("column 27"));
  CHECK(refused(file_of({environment_line, "[1,2]"})).line == 2);
  CHECK(refused(file_of({environment_line, "{\"type\":\"kernel\xFF\"}"})).line == 2);
  CHECK(refused(file_of({environment_line, R"({"type":"end","passed":1e999})"})).line == 2);
  CHECK(refused(file_of({environment_line, R"({"type":7})"})).line == 2);
  CHECK(refused(file_of({environment_line, R"({})"})).line == 2);
}

TEST_CASE("a last line that was cut off is refused, whole or half") {
  const std::string start = environment_line + "\n";
  for (const std::string& rest : {kernel_line, kernel_line.substr(0, 40), std::string("{")}) {
    const RecordError e = refused(start + rest);
    CHECK(e.line == 2);
    CHECK_THAT(e.what(), Contains("newline") && Contains("incomplete run"));
  }
}

TEST_CASE("missing and mistyped fields are refused by name") {
  for (const char* field : {"plugin", "op", "kernel", "dtype", "verdict"}) {
    CHECK_THAT(refused(file_of({environment_line, kernel_with(field, "")})).what(),
               Contains("`" + std::string(field) + "`") && Contains("no such field"));
    CHECK_THROWS_AS(parse_kernel(kernel_with(field, "7")), RecordError);
  }
  for (const auto& [field, value] :
       std::vector<std::pair<const char*, const char*>>{{"calls", "-1"},
                                                        {"calls", "1.5"},
                                                        {"calls", "\"1\""},
                                                        {"exhaustive", "1"},
                                                        {"failures", "{}"},
                                                        {"failures", "[1]"},
                                                        {"failures", "[{}]"},
                                                        {"failures", R"([{"kind":"hung","count":-4}])"},
                                                        {"max_ulp_at", "[[]]"},
                                                        {"max_ulp_at", R"([{"name":"x"}])"},
                                                        {"policies", "[]"},
                                                        {"policies", R"({"a":-1})"},
                                                        {"policies", R"({"a":"b"})"},
                                                        {"seconds", "\"1\""},
                                                        {"level", "1"},
                                                        {"verdict", "\"fail\""},
                                                        {"verdict", "\"skip\""},
                                                        {"verdict", "\"error\""}}) {
    INFO(field << " = " << value);
    CHECK_THROWS_AS(parse_kernel(kernel_with(field, value)), RecordError);
  }
  CHECK_THROWS_AS(
      parse(file_of({environment_line, R"({"type":"plugin","plugin":"p","status":"error"})"}), "f"),
      RecordError);
  CHECK_THROWS_AS(
      parse(file_of({environment_line, R"({"type":"plugin","plugin":"p","status":"fine"})"}), "f"),
      RecordError);
  CHECK_THROWS_AS(parse(file_of({environment_line, R"({"type":"end","passed":1})"}), "f"), RecordError);
  CHECK_THROWS_AS(parse(file_of({environment_line, R"({"type":"timing","plugin":"p"})"}), "f"), RecordError);
}

TEST_CASE("fields and types that are not known are left out and counted") {
  const Records r = parse(file_of({environment_line, R"({"type":"weather","rain":true})",
                                   kernel_with("colour", "[[1]]"), end_line}),
                          "f");
  CHECK(r.kernels.size() == 1);
  CHECK(r.unknown_types == 1);
  CHECK(r.unknown_fields == 1);
  REQUIRE(r.notes.size() == 1);
  CHECK_THAT(r.notes[0], Contains("1 record and 1 field"));
}

TEST_CASE("nesting and line length are bounded") {
  const auto nested = [](int depth) {
    return kernel_with("extra", std::string(depth, '[') + std::string(depth, ']'));
  };
  CHECK_NOTHROW(parse(file_of({environment_line, nested(deepest_nesting - 1), end_line}), "f"));
  CHECK_THAT(refused(file_of({environment_line, nested(deepest_nesting)})).what(),
             Contains("levels of nesting"));
  CHECK_THAT(refused(file_of({environment_line, std::string(60000, '[')})).what(),
             Contains("levels of nesting"));
  const auto long_line = [](std::size_t size) {
    const std::string empty = kernel_with("extra", "\"\"");
    return kernel_with("extra", "\"" + std::string(size - empty.size(), 'x') + "\"");
  };
  CHECK_NOTHROW(parse(file_of({environment_line, long_line(longest_line), end_line}), "f"));
  CHECK_THAT(refused(file_of({environment_line, long_line(longest_line + 1)})).what(),
             Contains("65536 bytes"));
  CHECK_THAT(refused(std::string(1 << 20, 'x')).what(), Contains("65536 bytes"));
  CHECK_NOTHROW(
      parse_kernel(kernel_with("reason", "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ \\\" [[[[\"")));
}

TEST_CASE("a run without its end line is called incomplete") {
  const Records r = parse(file_of({environment_line, kernel_line}), "cut.jsonl");
  REQUIRE(r.notes.size() == 1);
  CHECK_THAT(r.notes[0], Contains("Incomplete run") && Contains("cut.jsonl"));
  CHECK(parse(file_of({environment_line, kernel_line, end_line}), "f").notes.empty());
}

TEST_CASE("an end line that counts other kernels than the file holds is noted") {
  const Records r = parse(file_of({environment_line, end_line}), "f");
  REQUIRE(r.notes.size() == 1);
  CHECK_THAT(r.notes[0], Contains("counted 1 passed") && Contains("hold 0 passed"));
}

TEST_CASE("files are merged, later records replace earlier ones, and the report says so") {
  const auto directory =
      std::filesystem::temp_directory_path() / ("karat-read-test-" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(directory / name) << text;
    return directory / name;
  };
  const std::vector<std::filesystem::path> files{
      write("a.jsonl", file_of({environment_line, kernel_line, kernel_with("dtype", "\"f64\""),
                                R"({"type":"end","passed":2,"failed":0,"skipped":0,"errors":0})"})),
      write("b.jsonl", file_of({environment_line, kernel_with("calls", "77"), end_line}))};
  const Records r = read(files);
  CHECK(r.runs.size() == 2);
  REQUIRE(r.kernels.size() == 2);
  CHECK(r.kernels[0].calls == 77);
  CHECK(r.kernels[0].run == 1);
  CHECK(r.kernels[1].run == 0);
  REQUIRE(r.notes.size() == 1);
  CHECK_THAT(r.notes[0], Contains("1 record was replaced") && Contains("p/tanh exact f32") &&
                             Contains("a.jsonl:2") && Contains("b.jsonl:2"));

  const std::vector<std::filesystem::path> absent{directory / "absent.jsonl"}, folder{directory};
  CHECK_THROWS_WITH(read(absent), Contains("absent.jsonl") && Contains("No such file"));
  CHECK_THROWS_WITH(read(folder), Contains("a directory"));
  std::filesystem::remove_all(directory);
}

TEST_CASE("concatenated record files are several runs") {
  const Records r = parse(file_of({environment_line, kernel_line, end_line, environment_line,
                                   kernel_with("dtype", "\"f64\""), end_line}),
                          "-");
  CHECK(r.runs.size() == 2);
  CHECK(r.kernels.size() == 2);
  CHECK(r.notes.empty());
}

TEST_CASE("a dash reads standard input") {
  std::istringstream in(file_of({environment_line, kernel_line}));
  auto* const before = std::cin.rdbuf(in.rdbuf());
  const std::vector<std::filesystem::path> files{"-"};
  const Records r = read(files);
  std::cin.rdbuf(before);
  CHECK(r.kernels.size() == 1);
  REQUIRE(r.notes.size() == 1);
  CHECK_THAT(r.notes[0], Contains("standard input:1"));
}

TEST_CASE("lines may end in CR LF") {
  CHECK(parse(environment_line + "\r\n" + kernel_line + "\r\n\r\n" + end_line + "\r\n", "f").kernels.size() ==
        1);
}
