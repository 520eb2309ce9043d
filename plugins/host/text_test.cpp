// SPDX-License-Identifier: MIT
#include "plugins/host/text.hpp"

#include <catch2/catch.hpp>
#include <csignal>

using namespace karat::host;

TEST_CASE("printable text passes, control characters and broken UTF-8 are escaped") {
  CHECK(printable("softmax é → 😀", 100) == "softmax é → 😀");
  CHECK(printable(std::string("a\0b", 3), 100) == "a\\x00b");
  CHECK(printable("\x1b[2J\x7f", 100) == "\\x1b[2J\\x7f");
  CHECK(printable("a\nb\tc\r", 100) == "a\\x0ab\\x09c\\x0d");
  CHECK(printable("a\nb\tc\r", 100, true) == "a\nb\tc\\x0d");
  CHECK(printable("\xff\xfe", 100) == "\\xff\\xfe");
  CHECK(printable("\xc3", 100) == "\\xc3");                    // cut off
  CHECK(printable("\xc0\xaf", 100) == "\\xc0\\xaf");           // overlong
  CHECK(printable("\xe0\x80\xaf", 100) == "\\xe0\\x80\\xaf");  // overlong
  CHECK(printable("\xed\xa0\x80", 100) == "\\xed\\xa0\\x80");  // surrogate
  CHECK(printable("\xf4\x90\x80\x80", 100) == "\\xf4\\x90\\x80\\x80");
  CHECK(printable("\xc2\x9b", 100) == "\\xc2\\x9b");  // a control character in two bytes
  CHECK(printable("\xf0\x9f", 100) == "\\xf0\\x9f");
}

TEST_CASE("long text is cut between characters") {
  CHECK(printable("abcdef", 6) == "abcdef");
  CHECK(printable("abcdefg", 6) == "abcdef…");
  CHECK(printable("abcdeé", 6) == "abcde…");
  CHECK(printable("abc\x01", 6) == "abc…");
}

TEST_CASE("the nearest name is found, a far one is not") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(nearest("onednm", {"eigen", "libm", "onednn"}) == "onednn");
  CHECK(nearest("libn", {"eigen", "libm", "onednn"}) == "libm");
  CHECK(nearest("torch", {"eigen", "libm", "onednn"}).empty());
  CHECK(nearest("x", {"ab"}).empty());
  CHECK(nearest("", {}).empty());
}

TEST_CASE("signals have names") {
  CHECK(signal_name(SIGSEGV) == "SIGSEGV");
  CHECK(signal_name(SIGKILL) == "SIGKILL");
  CHECK(signal_name(99) == "signal 99");
}
