// SPDX-License-Identifier: MIT
#include "reports/text.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

using namespace karat::reports;

TEST_CASE("printable text holds no control characters, direction changes or broken UTF-8") {
  CHECK(printable("a\x1b[31mb\n\x7f") == "a␛[31mb␊␡");
  CHECK(printable(std::string_view("\0", 1)) == "␀");
  CHECK(printable("caf\xC3\xA9 µ ≤ 😀") == "caf\xC3\xA9 µ ≤ 😀");
  CHECK(printable("x\u202Ey\u0085z\uFEFF") == "x\uFFFDy\uFFFDz\uFFFD");
  for (const char* broken :
       {"\xC3", "\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    const std::string cleaned = printable(broken);
    CHECK(cleaned.find("\uFFFD") == 0);
    CHECK(printable(cleaned) == cleaned);
  }
}

TEST_CASE("HTML text is escaped for elements and quoted attributes") {
  CHECK(escape_html("<a href=\"x\" b='y'>&") == "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;");
}

TEST_CASE("columns count what a terminal shows") {
  CHECK(columns("✓ 0.50") == 6);
  CHECK(columns("日本") == 4);
  CHECK(columns("e\u0301") == 1);
  CHECK(pad("✓", 3) == "✓  ");
  CHECK(shorten("sigmoid", 7) == "sigmoid");
  CHECK(shorten("sigmoid", 5) == "sigm…");
}

TEST_CASE("wrapped lines keep their words and their width") {
  CHECK(wrap("one two three", 7) == std::vector<std::string>{"one two", "three"});
  CHECK(wrap("abcdefgh", 3) == std::vector<std::string>{"abc", "def", "gh"});
  CHECK(wrap("anything at all", 0) == std::vector<std::string>{"anything at all"});
  CHECK(wrap("", 10) == std::vector<std::string>{""});
}

TEST_CASE("figures have three digits or so") {
  CHECK(figure(0) == "0");
  CHECK(figure(0.5) == "0.50");
  CHECK(figure(3.14159) == "3.14");
  CHECK(figure(31.4159) == "31.4");
  CHECK(figure(4213.2) == "4213");
  CHECK(figure(1318273) == "1.3e6");
  CHECK(figure(1e300) == "1.0e300");
  CHECK(figure(0.00031) == "3.1e-4");
  CHECK(figure(std::numeric_limits<double>::quiet_NaN()) == "NaN");
  CHECK(figure(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("a figure is never shown on the other side of its bound") {
  CHECK(figure(0.99996, 1) == "0.99996");
  CHECK(figure(1.0000001, 1) == "1.0000001");
  CHECK(figure(1, 1) == "1.00");
  CHECK(figure(std::nextafter(1.0, 0.0), 1) == "0.9999999999999999");
  CHECK(figure(0.5000001, 0.5) == "0.5000001");
  CHECK(figure(123456.7, 123456) == "1.235e5");
}

TEST_CASE("a share is never rounded to all or nothing") {
  CHECK(percent(1) == "100 %");
  CHECK(percent(0.999999) == "> 99.99 %");
  CHECK(percent(0.000001) == "< 0.01 %");
  CHECK(percent(0) == "0.00 %");
  CHECK(percent(0.5) == "50.00 %");
}

TEST_CASE("counts, times and sizes read well") {
  CHECK(thousands(0) == "0");
  CHECK(thousands(999) == "999");
  CHECK(thousands(4294967296) == "4,294,967,296");
  CHECK(plural(1, "input", "inputs") == "1 input");
  CHECK(duration(0.00125) == "1.25 ms");
  CHECK(duration(9.1e-7) == "910 ns");
  CHECK(duration(1.5) == "1.50 s");
  CHECK(bytes_text(32768) == "32 KiB");
  CHECK(bytes_text(100) == "100 B");
}
