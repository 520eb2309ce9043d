// SPDX-License-Identifier: MIT
// The kernels of this room, as a plugin offers them.
#pragma once

#include <span>

#include "plugins/karat_plugin.h"

namespace karat::kernels {

// Every kernel: one row an operator and dtype, sorted by operator name, then by dtype.
// Valid and unchanged until the process ends.
std::span<const karat_kernel> rows();

// The instruction set that the kernels run on: "AVX3", "AVX2", "SSE4", "SSSE3", "SCALAR", …
//
// It is the best one that both the processor and this build have, unless the environment
// variable KARAT_ISA names another.  If that name is none of them, nullptr, and every kernel
// declines every call.
const char* instruction_set();

}  // namespace karat::kernels
