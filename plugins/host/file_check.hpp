// SPDX-License-Identifier: MIT
// Is this file a shared object of this machine?  Said in words before the loader sees it.
#pragma once

#include <filesystem>

namespace karat::host {

// Throws LoadError unless `file` is an ELF shared object for the running architecture.
void check_shared_object(const std::filesystem::path& file);

}  // namespace karat::host
