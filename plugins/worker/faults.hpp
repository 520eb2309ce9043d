// SPDX-License-Identifier: MIT
// Last words of a worker: on SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT the phase, address and
// kind of access go to the status page, and the process dies as it would have anyway.
#pragma once

#include "plugins/worker/wire.hpp"

namespace karat::worker {

// The page must stay mapped until the process ends.
void watch_faults(wire::StatusPage* page);

// Puts the handlers back: a plugin may have installed its own.
void reinstate_fault_handlers();

}  // namespace karat::worker
