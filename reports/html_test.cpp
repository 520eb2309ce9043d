// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <map>
#include <pugixml.hpp>
#include <set>

#include "reports/page_text.hpp"
#include "reports/report.hpp"
#include "reports/testing/samples.hpp"

using namespace karat::reports;
using Catch::Contains;

namespace {

// The page is HTML; its body is written so that XML readers take it too, apart from
// attributes without a value and elements that never close.
pugi::xml_document body(const std::string& page) {
  std::string text = page.substr(page.find("<body>"));
  text.resize(text.find("<script>"));
  text += "</body>";
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
      text.replace(at, from.size(), to);
  };
  replace("<br>", "<br/>");
  replace("<wbr>", "");
  replace(" hidden>", " hidden=\"\">");
  replace(" data-group ", " data-group=\"\" ");
  const std::string open = "<input ";
  for (std::size_t at = 0; (at = text.find(open, at)) != std::string::npos; at += open.size())
    text.insert(text.find('>', at), "/");
  pugi::xml_document document;
  const auto result = document.load_buffer(text.data(), text.size());
  INFO(result.description() << " near " << text.substr(result.offset > 80 ? result.offset - 80 : 0, 160));
  REQUIRE(result);
  return document;
}

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

}  // namespace

TEST_CASE("the page says in words how many kernels conform, all and by back end") {
  const std::string page = html(sample());
  CHECK_THAT(
      page,
      Contains("13 of 21 kernels from 3 back ends conform; 7 fail, 1 could not be judged, 2 were skipped."));
  CHECK_THAT(page,
             Contains("11 of 11 kernels conform, 1 skipped") && Contains("could not be judged: ./vendor.so"));
}

TEST_CASE("every kernel stands in the page's matrix and in its table, every failure has its replay line") {
  const Records r = sample();
  const auto document = body(html(r));
  CHECK(document.select_nodes("//section[@id='matrix']//a").size() == r.kernels.size());
  CHECK(document.select_nodes("//section[@id='kernels']//tbody/tr").size() == r.kernels.size());
  CHECK(document.select_nodes("//section[@id='timings']//tr[@class='item']").size() == r.timings.size());
  std::set<std::string> replays;
  for (const auto& pre : document.select_nodes("//article//pre")) replays.insert(pre.node().text().get());
  for (const Kernel& k : r.kernels)
    for (const Failure& f : k.failures) CHECK(replays.count(f.replay) == 1);
}

TEST_CASE("every link within the page leads to exactly one place") {
  const auto document = body(html(sample()));
  std::map<std::string, int> ids;
  for (const auto& node : document.select_nodes("//*[@id]")) ++ids[node.node().attribute("id").as_string()];
  for (const auto& [id, count] : ids) {
    INFO(id);
    CHECK(count == 1);
  }
  const auto links = document.select_nodes("//a[@href]");
  CHECK(links.size() > 20);
  for (const auto& link : links)
    CHECK(ids.count(std::string(link.node().attribute("href").as_string()).substr(1)) == 1);
}

TEST_CASE("tables have header cells with a scope, controls have labels, the page a language and a title") {
  const std::string page = html(sample());
  CHECK_THAT(page, Contains("<html lang=\"en\">") &&
                       Contains("<title>Karat: native 11/11, onednn 0/5, libm 2/5, vendor 0/0</title>"));
  const auto document = body(page);
  for (const auto& th : document.select_nodes("//th")) CHECK(th.node().attribute("scope"));
  for (const auto& table : document.select_nodes("//table")) CHECK(table.node().select_node(".//th"));
  for (const auto& control : document.select_nodes("//select|//input"))
    CHECK(control.node().parent().name() == std::string("label"));
  for (const auto& cell : document.select_nodes("//section[@id='matrix']//a"))
    CHECK_THAT(cell.node().first_child().text().get(),
               Contains("✓") || Contains("✗") || Contains("–") || Contains("!"));
}

TEST_CASE("the page loads nothing from elsewhere") {
  const std::string page = html(sample());
  for (const char* outside : {"http://", "https://", "src=", "@import", "url(", "<link"})
    CHECK_THAT(page, !Contains(outside));
  CHECK_THAT(page, Contains("default-src 'none'"));
  CHECK(page.size() < 80'000);
}

TEST_CASE("names cannot become markup, attributes, script or template text") {
  const std::string page = html(hostile_records());
  CHECK(occurrences(page, "<script>") == 1);
  CHECK(occurrences(page, "</script>") == 1);
  CHECK(occurrences(page, "<style>") == 1);
  CHECK(occurrences(page, ":root {") == occurrences(std::string(page_css), ":root {"));
  for (const char c : page) CHECK((c == '\n' || static_cast<unsigned char>(c) >= 0x20));
  const auto document = body(page);
  CHECK(document.select_nodes("//script").empty());
  for (const auto& node : document.select_nodes("//@*[starts-with(name(), 'on')]"))
    FAIL(node.attribute().name());
  CHECK_THAT(document.select_node("//article//pre").node().text().get(),
             Contains("<script>alert('\"&')</script>"));
}

TEST_CASE("the embedded text is the files' text, byte for byte") {
  CHECK(page_html == file_text(testing_directory / "../page.html"));
  CHECK(page_css == file_text(testing_directory / "../page.css"));
  CHECK(page_js == file_text(testing_directory / "../page.js"));
}

TEST_CASE("the page's own text cannot end the element that it stands in") {
  CHECK(page_css.find("</") == std::string_view::npos);
  CHECK(page_js.find("</") == std::string_view::npos);
  CHECK(page_js.find("<!--") == std::string_view::npos);
  CHECK(page_html.substr(0, 15) == "<!doctype html>");
}

TEST_CASE("a page without records, or of a run that was cut off, says so") {
  CHECK_THAT(html(Records{}), Contains("Nothing was judged"));
  CHECK_THAT(html(parse(environment_line + "\n" + kernel_line + "\n", "cut.jsonl")),
             Contains("Incomplete run") && Contains("cut.jsonl"));
}
