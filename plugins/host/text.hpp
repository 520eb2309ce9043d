// SPDX-License-Identifier: MIT
// Texts that come from strangers, and names that were nearly right.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace karat::host {

// The text as printable UTF-8: control characters and broken sequences become \xNN, and what
// is longer than `most` bytes ends in "…".  `lines` keeps newlines and tabs.
std::string printable(std::string_view text, std::size_t most, bool lines = false);

// Levenshtein distance.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `name`, if it is near enough to be meant; else empty.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

// "SIGSEGV"; "signal 99" for one without a name.
std::string signal_name(int number);

}  // namespace karat::host
