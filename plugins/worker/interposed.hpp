// SPDX-License-Identifier: MIT
// Names of the C library that a plugin defines and exports.
#pragma once

#include <string>

namespace karat::worker {

// "clock_gettime, malloc"; empty if none.  `library` is what dlopen returned, `own` the address of anything
// that the plugin itself defines: what libraries that it links define is not its doing.
std::string interposed_names(void* library, const void* own);

}  // namespace karat::worker
