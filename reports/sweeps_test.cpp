// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "reports/record.hpp"
#include "reports/report.hpp"

using namespace karat::reports;

namespace {

const std::string head =
    R"({"type":"environment","schema":1,"karat":"0.1.0","command":["karat","sweep"],"seed":1})"
    "\n"
    R"({"type":"plugin","plugin":"mylib","status":"loaded","kernels":3})"
    "\n";
const std::string result =
    R"("result":{"inputs":4294967296,"special":16777222,"finite":4278190074,"rounded":4278000000,"correctly_rounded":0.99995,"escalated":1200,"undecided":0,"by_budget":4080,)"
    R"("max_ulp":0.7312345,"max_ulp_at":[{"name":"x","value":"0x1.5p-3"}],"over":{"0.5":190074,"1":3,"2":1},)"
    R"("worst":[{"input":"positive","result":"normal","ulp":0.7312345,"at":[{"name":"x","value":"0x1.5p-3"}],"got":"0x1p+0"}],)"
    R"("by_binade":[["0x1p-3",8388608,10,0,0,0,0.73],["0x1p-2",8388608,0,0,0,0,0.5],["-0x1p-3",8388608,20,3,1,0,2.25]],)"
    R"("not_monotone":{"count":2,"ranges":[],"more_ranges":false},"policies":{},"hash":"00ff00ff00ff00ff"})";

std::string sweep(const std::string& op, const std::string& verdict, bool complete, const std::string& more = "") {
  return R"({"type":"sweep","plugin":"mylib","op":")" + op + R"(","kernel":"fast","dtype":"f32","sweeps":"all 2^32 inputs","level":"stable","verdict":")" + verdict + R"(","complete":)" +
         (complete ? "true" : "false") + more + "," + result + R"(,"seconds":11.5,"inputs_per_second":373000000.0})" + "\n";
}
const std::string failing =
    R"(,"kind":"special_value","failing":1000001,"failures":[{"kind":"special_value","count":1000001,"message":"exp(x = 0x1p+7) gave nan","at":[{"name":"x","value":"0x1p+7"}],)"
    R"("got":"nan","exact":"0x1.0…p+184","exact_decimal":"3.9e55","ulp":"nan","from":"0x1.62e43p+6","to":"0x1.fffffep+127","replay":"karat replay 'mylib exp f32 x=0x1p+7'"}])";

Records sample() {
  return parse(head + sweep("sigmoid", "pass", true) + sweep("exp", "fail", true, failing) + sweep("tanh", "error", false, R"(,"reason":"1024 of 4096 chunks")") +
                   R"({"type":"end","passed":1,"failed":1,"skipped":0,"errors":1,"exit_code":1})" "\n",
               "sample");
}

}  // namespace

TEST_CASE("sweeps are read, counted and kept apart from checks") {
  const Records r = sample();
  REQUIRE(r.sweeps.size() == 3);
  CHECK(r.kernels.empty());
  CHECK(r.notes.empty());
  CHECK(r.totals().passed == 1);
  CHECK(r.totals().failed == 1);
  CHECK(r.totals().errors == 1);
  const Sweep& s = r.sweeps[0];
  CHECK(s.complete);
  CHECK(s.finite == 4278190074u);
  REQUIRE(s.over.size() == 3);
  CHECK(s.over[0].first == "0.5");
  CHECK(s.binades.size() == 3);
  CHECK(s.kernel.max_ulp.value() == Approx(0.7312345));
  CHECK(r.sweeps[1].failing == 1000001);
}

TEST_CASE("a sweep that is not complete never looks complete") {
  for (const std::string& text : {sweep_table(sample(), false, 0), markdown(sample()), html(sample())}) CHECK_THAT(text, Catch::Contains("not complete: 1024 of 4096 chunks"));
  CHECK_THAT(junit(sample()), Catch::Contains("1024 of 4096 chunks") && Catch::Contains("errors=\"1\""));
}

TEST_CASE("every format shows figures, failures and replay lines of sweeps") {
  const std::string console = sweep_table(sample(), false, 120);
  CHECK_THAT(console, Catch::Contains("mylib/sigmoid fast") && Catch::Contains("0.7312345") && Catch::Contains("190,074") && Catch::Contains("at least 1,000,001 inputs fail") &&
                          Catch::Contains("karat replay 'mylib exp f32 x=0x1p+7'") && Catch::Contains("1 passed, 1 failed, 0 skipped, 1 error"));
  CHECK_THAT(markdown(sample()), Catch::Contains("## Sweeps: every input") && Catch::Contains("0.7312345") && Catch::Contains("karat replay"));
  const std::string page = html(sample());
  CHECK_THAT(page, Catch::Contains("Sweeps: every input") && Catch::Contains("<svg") && Catch::Contains("2^32") && Catch::Contains("class=\"over\"") && Catch::Contains("1,000,001"));
  const auto document = nlohmann::json::parse(json(sample()));
  CHECK(document["sweeps"].size() == 3);
  CHECK(document["sweeps"][0]["result"]["over"]["1"] == 3);
  CHECK_THAT(junit(sample()), Catch::Contains("exp fast sweep f32"));
}

TEST_CASE("damaged sweeps are refused, and say where") {
  const auto refused = [](std::string line, const std::string& from, const std::string& to) {
    const auto at = line.find(from);
    REQUIRE(at != std::string::npos);
    line.replace(at, from.size(), to);
    CHECK_THROWS_AS(parse(head + line, "damaged"), RecordError);
  };
  refused(sweep("exp", "pass", true), "\"complete\":true,", "");
  refused(sweep("exp", "pass", true), "\"complete\":true", "\"complete\":1");
  refused(sweep("exp", "pass", true), "\"result\":{", "\"other\":{");
  refused(sweep("exp", "pass", true), "8388608", "\"many\"");
  refused(sweep("exp", "pass", true), "\"hash\":\"00ff00ff00ff00ff\"", "\"hash\":1");
  refused(sweep("exp", "pass", true), "\"verdict\":\"pass\"", "\"verdict\":\"error\"");
}

TEST_CASE("names in sweeps cannot break a page") {
  const Records r = parse(head + sweep("<script>alert(1)</script>|x", "pass", true), "hostile");
  CHECK_THAT(html(r), !Catch::Contains("<script>alert"));
  CHECK_THAT(markdown(r), !Catch::Contains("<script>"));
}
