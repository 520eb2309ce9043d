// SPDX-License-Identifier: MIT
// The page's own text, embedded when karat is built.
#pragma once

#include <string_view>

namespace karat::reports {

extern const std::string_view page_html, page_css, page_js;

}  // namespace karat::reports
