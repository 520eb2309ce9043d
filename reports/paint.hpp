// SPDX-License-Identifier: MIT
// Terminal colours, or none.
#pragma once

#include <string>
#include <string_view>

#include "reports/record.hpp"

namespace karat::reports {

struct Paint {
  bool on;
  static constexpr std::string_view pass = "32", fail = "1;31", skip = "2", error = "1;35", strong = "1";
  std::string operator()(std::string_view code, std::string_view text) const {
    return on ? "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m" : std::string(text);
  }
  static std::string_view of(Verdict v) {
    switch (v) {
      case Verdict::pass:
        return pass;
      case Verdict::fail:
        return fail;
      case Verdict::skip:
        return skip;
      case Verdict::error:
        return error;
    }
    return error;
  }
};

}  // namespace karat::reports
