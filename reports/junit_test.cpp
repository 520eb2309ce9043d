// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <pugixml.hpp>

#include "reports/report.hpp"
#include "reports/testing/samples.hpp"

using namespace karat::reports;
using Catch::Contains;

namespace {

pugi::xml_document parsed(const std::string& text) {
  pugi::xml_document document;
  const auto result = document.load_buffer(text.data(), text.size(), pugi::parse_full);
  INFO(result.description() << " at " << result.offset);
  REQUIRE(result);
  return document;
}

int count(const pugi::xml_document& document, const char* path) {
  return static_cast<int>(document.select_nodes(path).size());
}

// What readers of JUnit XML rely on, in any document that we write.
void check_form(const pugi::xml_document& document) {
  const auto root = document.child("testsuites");
  REQUIRE(root);
  int tests = 0, failures = 0, errors = 0, skipped = 0;
  for (const auto& suite : root.children("testsuite")) {
    for (const char* attribute : {"name", "tests", "failures", "errors", "skipped", "time"})
      CHECK(suite.attribute(attribute));
    const auto counted = [&](const char* element) {
      return static_cast<int>(suite.select_nodes((std::string("testcase/") + element).c_str()).size());
    };
    CHECK(suite.attribute("tests").as_int(-1) == static_cast<int>(suite.select_nodes("testcase").size()));
    CHECK(suite.attribute("failures").as_int(-1) == counted("failure"));
    CHECK(suite.attribute("errors").as_int(-1) == counted("error"));
    CHECK(suite.attribute("skipped").as_int(-1) == counted("skipped"));
    tests += suite.attribute("tests").as_int();
    failures += suite.attribute("failures").as_int();
    errors += suite.attribute("errors").as_int();
    skipped += suite.attribute("skipped").as_int();
    for (const auto& test : suite.children("testcase")) {
      for (const char* attribute : {"name", "classname", "time"}) CHECK(test.attribute(attribute));
      CHECK(test.attribute("time").as_double(-1) >= 0);
    }
  }
  CHECK(root.attribute("tests").as_int(-1) == tests);
  CHECK(root.attribute("failures").as_int(-1) == failures);
  CHECK(root.attribute("errors").as_int(-1) == errors);
  CHECK(root.attribute("skipped").as_int(-1) == skipped);
}

}  // namespace

TEST_CASE("JUnit XML has one case a kernel, one error a plugin that did not load") {
  const auto document = parsed(junit(sample()));
  check_form(document);
  CHECK(count(document, "//testcase") == 24);
  CHECK(count(document, "//failure") == 7);
  CHECK(count(document, "//skipped") == 2);
  CHECK(count(document, "//error") == 2);
}

TEST_CASE("a JUnit failure carries its kind, its message and its replay line") {
  const auto document = parsed(junit(sample()));
  const auto failure =
      document.select_node("//testcase[@name='sigmoid eltwise_logistic f32']/failure").node();
  REQUIRE(failure);
  CHECK(failure.attribute("type").as_string() == std::string("inaccurate"));
  CHECK_THAT(failure.attribute("message").as_string(),
             Contains("off by 1318273 ulp") && Contains("karat replay 'onednn"));
  CHECK_THAT(failure.text().get(),
             Contains("\n      replay: karat replay 'onednn sigmoid eltwise_logistic f32 x=-inf'\n"));
  CHECK_THAT(document.select_node("//skipped[contains(@message, 'declined')]/..")
                 .node()
                 .attribute("name")
                 .as_string(),
             Contains("softmax"));
}

TEST_CASE("a run that was cut off is a JUnit error") {
  const auto document = parsed(junit(parse(environment_line + "\n" + kernel_line + "\n", "cut.jsonl")));
  check_form(document);
  CHECK(count(document, "//testcase[@classname='karat']/error[@type='incomplete']") == 1);
}

TEST_CASE("JUnit XML is well formed whatever the names hold") {
  const std::string text = junit(hostile_records());
  for (const char c : text) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  const auto document = parsed(text);
  check_form(document);
  CHECK(count(document, "//script") == 0);
  check_form(parsed(junit(Records{})));
}
