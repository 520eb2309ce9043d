// SPDX-License-Identifier: MIT
// A plugin inside its worker: dlopen, the entry function, the rows.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/karat_plugin.h"
#include "plugins/worker/wire.hpp"

namespace karat::worker {

// Why a plugin cannot be used; what() continues the sentence "FILE: …".
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct LoadedPlugin {
  const karat_plugin* plugin = nullptr;
  std::vector<const karat_kernel*> rows;
  std::string interposed;  // names of the C library that it exports, or empty
  std::string fp_change;   // what loading did to the floating-point environment
};

// Loads the plugin and checks everything that the host will rely on.  Throws Unusable.
// `page` hears which phase it is in.
LoadedPlugin load_plugin(const std::string& path, wire::StatusPage& page);

// Describes the plugin and its rows to the host.
void pack_plugin(const LoadedPlugin& loaded, wire::Packer& out);

// A text of the plugin, cut: it may lack its terminator.
std::string bounded(const char* text, std::size_t most);

}  // namespace karat::worker
