/* SPDX-License-Identifier: MIT
 *
 * Built for ABI 99: must not be loaded.
 */
#include "plugins/broken/load/load.h"

static const karat_kernel kernels[] = {RELU("relu", KARAT_F32, relu)};

static const karat_kernel* kernel_at(int32_t index) { return &kernels[index]; }

static const karat_plugin plugin = {HEAD("wrong_major", 99, KARAT_ABI_MINOR),
                                    .description = "built for another ABI",
                                    .kernel_count = sizeof kernels / sizeof *kernels, .kernel = kernel_at};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return &plugin;
}
