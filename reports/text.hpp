// SPDX-License-Identifier: MIT
// Text and figures as the reports print them.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace karat::reports {

// Safe to show anywhere: control characters become their pictures (U+2400 …), characters
// that reorder or hide text and bytes that are not UTF-8 become U+FFFD.
std::string printable(std::string_view);

// Columns on a terminal.
int columns(std::string_view);
std::string pad(std::string_view, int width);
// At most `width` columns, the rest replaced by "…".
std::string shorten(std::string_view, int width);
// Lines of at most `width` columns (0: one line); breaks between words, and inside a word
// only if it is longer than a line.
std::vector<std::string> wrap(std::string_view, int width);

// printable(), with & < > " ' as entities: for HTML text and quoted attributes.
std::string escape_html(std::string_view);

std::string thousands(std::uint64_t);
std::string plural(std::uint64_t, std::string_view one, std::string_view many);  // "1,024 inputs"
// Three significant digits, more if those would show `v` on another side of `boundary`:
// 0.99996 stays below 1.
std::string figure(double v, double boundary = std::numeric_limits<double>::quiet_NaN());
std::string percent(double share);            // never "100 %" unless it is
std::string duration(double seconds);         // "1.25 ms"
std::string bytes_text(std::uint64_t bytes);  // "32 KiB"
std::string join(const std::vector<std::string>&, std::string_view between);

}  // namespace karat::reports
