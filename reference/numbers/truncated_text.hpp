// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "reference/numbers/rounding.hpp"

namespace karat {

// A decimal (base 10) or hexadecimal (base 16, "0x…p…") float, cut to 64 bits; nullopt if
// the text is not one in full.
std::optional<Truncated> truncated_text(const std::string& text, int base);

}  // namespace karat
