/* SPDX-License-Identifier: MIT
 *
 * Loads, and offers no kernel.
 */
#include "plugins/broken/load/load.h"

static const karat_kernel only = RELU("relu", KARAT_F32, relu);
static const karat_kernel* kernel_at(int32_t index) { return index < 0 ? &only : NULL; }

static const karat_plugin plugin = {HEAD("lists_nothing", KARAT_ABI_MAJOR, KARAT_ABI_MINOR),
                                    .description = "offers no kernel", .kernel_count = 0,
                                    .kernel = kernel_at};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return &plugin;
}
