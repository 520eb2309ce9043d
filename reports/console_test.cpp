// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>

#include "reports/report.hpp"
#include "reports/testing/samples.hpp"
#include "reports/text.hpp"

using namespace karat::reports;
using Catch::Contains;

namespace {

Kernel gelu(const std::string& level = "faithful") {
  Kernel k;
  k.plugin = "mylib";
  k.op = k.kernel = "gelu";
  k.dtype = "f32";
  k.level = level;
  k.verdict = Verdict::fail;
  k.kind = "inaccurate";
  return k;
}

Failure inaccurate() {
  Failure f;
  f.kind = "inaccurate";
  f.count = 4213;
  f.message = "gelu is off by 129 ulp";
  f.at = {{"x", "-0x1.78752p+3"}};
  f.got = "-0x1.c73c1p-102";
  f.exact = "-0x1.c73b0e…p-102";
  f.exact_decimal = "-3.5085…e-31";
  f.ulp = 129;
  f.allowed = 1;
  f.from = "-0x1.9p+3";
  f.to = "-0x1.4p+2";
  f.replay = "karat replay 'mylib gelu f32 x=-0x1.78752p+3'";
  return f;
}

}  // namespace

TEST_CASE("a failure reads: what, where, numbers, what to do") {
  CHECK(failure_block(gelu(), inaccurate(), false, 0) ==
        "FAIL  mylib/gelu f32   129 ulp, allowed < 1   worst of 4,213 failing inputs in [-0x1.9p+3, "
        "-0x1.4p+2]\n"
        "      gelu(-0x1.78752p+3) got -0x1.c73c1p-102  exact -0x1.c73b0e…p-102 (-3.5085…e-31)\n"
        "      replay: karat replay 'mylib gelu f32 x=-0x1.78752p+3'\n");
}

TEST_CASE("a narrow failure breaks between its parts and keeps got above exact") {
  CHECK(failure_block(gelu(), inaccurate(), false, 60) ==
        "FAIL  mylib/gelu f32   129 ulp, allowed < 1\n"
        "      worst of 4,213 failing inputs in [-0x1.9p+3,\n"
        "      -0x1.4p+2]\n"
        "      gelu(-0x1.78752p+3)\n"
        "        got   -0x1.c73c1p-102\n"
        "        exact -0x1.c73b0e…p-102 (-3.5085…e-31)\n"
        "      replay: karat replay 'mylib gelu f32 x=-0x1.78752p+3'\n");
}

TEST_CASE("a level that allows its own bound is printed with ≤") {
  CHECK_THAT(failure_block(gelu("max-ulp 4"), inaccurate(), false, 0), Contains("129 ulp, allowed ≤ 1"));
}

TEST_CASE("a failure without a figure gives its kind and its message") {
  Failure f;
  f.kind = "hung";
  f.count = 1;
  f.message = "did not return within 10 s";
  f.replay = "karat replay 'x'";
  CHECK(failure_block(gelu(), f, false, 0) ==
        "FAIL  mylib/gelu f32   hung   the only failure seen\n"
        "      did not return within 10 s\n"
        "      replay: karat replay 'x'\n");
}

TEST_CASE("the kernel's name stands in a failure where it differs from the operator's") {
  Kernel k = gelu();
  k.kernel = "fast";
  CHECK_THAT(failure_block(k, inaccurate(), false, 0), Contains("FAIL  mylib/gelu fast f32   129 ulp"));
}

TEST_CASE("no console line is wider than asked, but for replay lines") {
  for (const int width : {60, 61, 80, 100, 120}) {
    for (const Records& r : {sample(), hostile_records()}) {
      for (const std::string& line : lines_of(console_table(r, false, width))) {
        if (line.find("replay: ") != std::string::npos) continue;
        INFO(width << ": " << line);
        CHECK((columns(line) <= width));
      }
    }
  }
}

TEST_CASE("columns that do not fit stand in a further block") {
  Records r;
  for (const char* dtype : {"bf16", "f16", "f64", "f32"}) {
    Kernel k = gelu();
    k.dtype = dtype;
    k.kind = "input_modified";
    r.kernels.push_back(k);
  }
  const std::string cell = "✗ input_modified FAIL";
  CHECK_THAT(console_table(r, false, 120),
             Contains("  gelu      " + cell + "  " + cell + "  " + cell + "  " + cell + "\n"));
  CHECK_THAT(console_table(r, false, 60), Contains("  operator  f32                    f64\n"
                                                   "  gelu      " +
                                                   cell + "  " + cell +
                                                   "\n"
                                                   "  operator  f16                    bf16\n"
                                                   "  gelu      " +
                                                   cell + "  " + cell + "\n"));
}

TEST_CASE("colour comes only if asked, and changes nothing else") {
  const Records r = sample();
  const std::string plain_text = console_table(r, false, 100);
  std::string coloured = console_table(r, true, 100);
  CHECK(plain_text.find('\033') == std::string::npos);
  CHECK(coloured.find("\033[1;31m✗ 1.3e6 FAIL\033[0m") != std::string::npos);
  for (std::size_t at; (at = coloured.find('\033')) != std::string::npos;)
    coloured.erase(at, coloured.find('m', at) + 1 - at);
  CHECK(coloured == plain_text);
}

TEST_CASE("names from a plugin cannot steer the terminal") {
  for (const int width : {0, 80}) {
    const std::string text = console_table(hostile_records(), false, width);
    for (const char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
    CHECK(text.find("\u202E") == std::string::npos);
  }
}

TEST_CASE("the last line counts passed, failed, skipped and errors") {
  CHECK(lines_of(console_table(sample(), false, 80)).back() == "13 passed, 7 failed, 2 skipped, 1 error");
  CHECK(totals_line({}) == "0 passed, 0 failed, 0 skipped, 0 errors");
  const std::string nothing = console_table(Records{}, false, 80);
  CHECK_THAT(nothing, Contains("Nothing was judged."));
}

TEST_CASE("failures that were printed as they came can be left out of the table") {
  const std::string text = console_table(sample(), false, 100, false);
  CHECK_THAT(text, !Contains("replay:"));
  CHECK_THAT(text, Contains("13 passed"));
}

TEST_CASE("an incomplete run is said on the console") {
  const Records r = parse(environment_line + "\n" + kernel_line + "\n", "cut.jsonl");
  CHECK_THAT(console_table(r, false, 0), Contains("Incomplete run") && Contains("cut.jsonl"));
}
