// SPDX-License-Identifier: MIT
// From the way a worker ended to a status and a sentence.
#pragma once

#include <string>

#include "plugins/host/host.hpp"
#include "plugins/host/layout.hpp"
#include "plugins/host/process.hpp"

namespace karat::host {

// "while loading", "in run()"
std::string phase_text(const wire::StatusPage& page);

// After a wait that ended with anything but an answer.  `layout` is that of the call, or null.
// Fills status and detail.
void explain_end(Process::End end, const Process& process, const Limits& limits, const Layout* layout,
                 Outcome& outcome);

// The sentence about names of the C library that a plugin exports.
std::string explain_interposed(const std::string& names);

}  // namespace karat::host
