// SPDX-License-Identifier: MIT
#include "plugins/mutants/mutants.hpp"

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host*) {
  return karat::adapter::publish("mutants", "1", "the textbook kernels with one defect each", karat::mutants::all_rows());
}
