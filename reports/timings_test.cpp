// SPDX-License-Identifier: MIT
// Timings as each format shows them.
#include "reports/timings.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "reports/report.hpp"
#include "reports/testing/samples.hpp"

using namespace karat::reports;
using Catch::Contains;

namespace {

std::string timing_line(const std::string& plugin, const std::string& cache, const std::string& more = "") {
  return R"({"type":"timing","plugin":")" + plugin + R"(","op":"conv2d","kernel":"tiles","dtype":"f32","size":"call","cache":")" + cache +
         R"(","call":"x=8x64x56x56 w=64x64x3x3","shape":[8,64,56,56],"elements":1605632,"bytes":12992512,"read":6569984,"written":6422528,"flops":1.78e9,"threads":2,"repetitions":5,)"
         R"("seconds":{"min":0.03,"median":0.04,"max":0.05},"spread":0.05,"by_repetition":[0.03,0.04,0.04,0.04,0.05],"ns_per_element":24.9,"gb_per_s":0.325,"gflop_per_s":44.5,)"
         R"("copy_seconds":0.001,"ratio_to_copy":40,"machine":{"copy_gb_per_s":12.5,"copy_nontemporal_gb_per_s":19,"read_gb_per_s":21,"gflop_per_s":180},)"
         R"("limit":{"by":"arithmetic","seconds":0.0099,"share":0.2475},)" +
         more + R"("verified":true,"max_ulp":0.51})" + "\n";
}

const std::string slower = R"("faster_than":[{"plugin":"plain","kernel":"textbook","times":31.5,"p":0.00058}],)";

Records two() {
  std::string textbook = timing_line("plain", "warm");
  textbook.replace(textbook.find("tiles"), 5, "textbook");
  return parse(environment_line + "\n" + timing_line("native", "warm", slower) + textbook + timing_line("native", "cold"), "two.jsonl");
}

}  // namespace

TEST_CASE("all of a timing is read, and nothing of it is unknown") {
  const Records r = two();
  REQUIRE(r.timings.size() == 3);
  const Timing& t = r.timings[0];
  CHECK(t.call == "x=8x64x56x56 w=64x64x3x3");
  CHECK(t.cache == "warm");
  CHECK(t.read + t.written == t.bytes);
  CHECK(t.by_repetition.size() == 5);
  CHECK(t.spread == 0.05);
  CHECK(t.flops == 1.78e9);
  CHECK(t.gflop_per_s == 44.5);
  CHECK(t.machine == Timing::Machine{12.5, 19, 21, 180});
  CHECK(t.limit->by == "arithmetic");
  CHECK(t.limit->share == 0.2475);
  REQUIRE(t.faster_than.size() == 1);
  CHECK(t.faster_than[0].kernel == "textbook");
  CHECK(r.unknown_fields == 0);
}

TEST_CASE("warm and cold, and other calls of the same shape, are timings of their own") {
  CHECK(two().timings.size() == 3);
  std::string other = timing_line("native", "warm");
  other.replace(other.find("3x3"), 3, "1x1");
  CHECK(parse(environment_line + "\n" + timing_line("native", "warm") + other + timing_line("native", "warm"), "f").timings.size() == 2);
}

TEST_CASE("a timing whose parts are of the wrong kind is refused, with its field") {
  for (const auto& [from, to, field] : {std::tuple{"[0.03,", "[\"x\",", "by_repetition"}, std::tuple{"\"share\":0.2475", "\"share\":\"x\"", "share"},
                                        std::tuple{"\"read_gb_per_s\":21", "\"read_gb_per_s\":[]", "read_gb_per_s"}, std::tuple{"\"cache\":\"warm\"", "\"cache\":1", "cache"}}) {
    std::string line = timing_line("native", "warm");
    line.replace(line.find(from), std::string(from).size(), to);
    CHECK_THROWS_WITH(parse(environment_line + "\n" + line, "f"), Contains(field));
  }
}

TEST_CASE("what took turns stands together, warm before cold") {
  const Records r = two();
  const auto groups = timing_groups(r.timings);
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].size() == 2);
  CHECK(groups[1][0]->cache == "cold");
  CHECK(timing_place(*groups[0][0]) == "x=8x64x56x56 w=64x64x3x3, 12.39 MiB, warm, 2 threads");
  CHECK(timing_kernel(*groups[0][0]) == "native tiles");
  CHECK(limit_text(*groups[0][0]) == "25 % arithmetic");
  CHECK(machine_text(groups[0]) == "copy 12.5 GB/s, non-temporal 19.0, read 21.0, multiply-adds 180 GFLOP/s");
  CHECK(faster_text(*groups[0][0]) == "than plain textbook (31.5 times, p = 0.00058)");
  CHECK(faster_text(*groups[0][1]).empty());
}

TEST_CASE("every format shows the limit, the machine and who is faster") {
  const Records r = two();
  for (const std::string& text : {console_table(r, false, 120), markdown(r)}) {
    CHECK_THAT(text, Contains("25 % arithmetic") && Contains("44.5") && Contains("non-temporal 19") && Contains("than plain textbook (31.5 times, p = 0.00058)"));
  }
  CHECK_THAT(html(r), Contains("25 % arithmetic") && Contains("44.5") && Contains("non-temporal 19") && Contains("plain textbook <span class=\"quiet\">31.5 times, p = 0.00058</span>"));
  const auto document = nlohmann::json::parse(json(r));
  const auto& t = document.at("timings").at(0);
  CHECK(t.at("cache") == "warm");
  CHECK(t.at("machine").at("read_gb_per_s") == 21);
  CHECK(t.at("limit").at("by") == "arithmetic");
  CHECK(t.at("faster_than").at(0).at("times") == 31.5);
  CHECK(t.at("by_repetition").size() == 5);
}

TEST_CASE("a report of timings alone speaks of timings") {
  const Records r = two();
  CHECK(timing_sentence(timing_totals(r.timings)) == "2 kernels timed in 2 benchmarks");
  CHECK(timing_sentence(timing_totals(r.timings, "native")) == "1 kernel timed in 2 benchmarks, faster than every other back end in 1 of 1");
  CHECK(timing_sentence(timing_totals(r.timings, "plain")) == "1 kernel timed in 1 benchmark, faster than every other back end in 0 of 1");
  CHECK(timing_sentence(timing_totals(r.timings, "libm")).empty());
  for (const std::string& text : {console_table(r, false, 120), markdown(r), html(r)})
    CHECK_THAT(text, Contains("2 kernels timed in 2 benchmarks") && !Contains("othing was judged") && !Contains("0 passed"));
  CHECK_THAT(html(r), Contains("<title>Karat: native, plain</title>"));
}

TEST_CASE("a kernel that failed has no time and wins nothing; who has no rival claims none") {
  std::string failed = timing_line("eigen", "warm", slower);
  failed.replace(failed.find("\"verified\":true"), 15, "\"verified\":false,\"reason\":\"its outputs fail\"");
  const Records r = parse(environment_line + "\n" + failed + timing_line("plain", "warm"), "f");
  CHECK(timing_sentence(timing_totals(r.timings, "eigen")) == "1 kernel not timed");
  CHECK(timing_sentence(timing_totals(r.timings, "plain")) == "1 kernel timed in 1 benchmark");
}

TEST_CASE("kernels that were judged and timed are both counted") {
  const Records r = parse(environment_line + "\n" + kernel_line + "\n" + timing_line("native", "warm"), "f");
  CHECK_THAT(console_table(r, false, 120), Contains("1 kernel timed in 1 benchmark") && Contains("1 passed"));
  CHECK_THAT(html(r), Contains("conforms.") && Contains("1 kernel timed in 1 benchmark."));
}

TEST_CASE("timings of an older karat are shown as far as they go") {
  const Records r = parse(environment_line + "\n" + R"({"type":"timing","plugin":"p","op":"exp","kernel":"k","dtype":"f32","size":"L1","shape":[2048],"bytes":16384,"threads":1,"repetitions":5,)"
                          R"("seconds":{"min":1e-7,"median":2e-7,"max":3e-7},"ns_per_element":0.1,"gb_per_s":80,"copy_seconds":1e-7,"ratio_to_copy":2,"verified":true})" "\n", "old.jsonl");
  CHECK_THAT(console_table(r, false, 100), Contains("exp f32  L1, 2048, 16 KiB, 1 thread") && !Contains("beside"));
  CHECK(nlohmann::json::parse(json(r)).at("timings").at(0).contains("cache") == false);
  CHECK_THAT(html(r), Contains("200 ns"));
}

TEST_CASE("a console line of a timing keeps to the width") {
  const Records r = two();
  for (const int width : {60, 80, 84, 100, 140}) {
    const std::string text = console_table(r, false, width);
    for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      int columns = 0;
      for (std::size_t i = begin; i < end; ++i) columns += (text[i] & 0xc0) != 0x80;
      CHECK(columns <= width);
    }
  }
}
