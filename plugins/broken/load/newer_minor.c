/* SPDX-License-Identifier: MIT
 *
 * Built for a later minor version than any host: must not be loaded.
 */
#include "plugins/broken/load/load.h"

static const karat_kernel kernels[] = {RELU("relu", KARAT_F32, relu)};

static const karat_kernel* kernel_at(int32_t index) { return &kernels[index]; }

static const karat_plugin plugin = {HEAD("newer_minor", KARAT_ABI_MAJOR, 999),
                                    .description = "built for a later ABI",
                                    .kernel_count = sizeof kernels / sizeof *kernels, .kernel = kernel_at};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return &plugin;
}
