// SPDX-License-Identifier: MIT
// The rows of oneDNN's convolutions, poolings and normalizations.
#pragma once

#include <vector>

#include "plugins/karat_plugin.h"

namespace karat::onednn {

std::vector<karat_kernel> layer_rows();

}  // namespace karat::onednn
