/* SPDX-License-Identifier: MIT
 *
 * One row has dtype 77; the other is right, and must be judged.
 */
#include "plugins/broken/load/load.h"

static const karat_kernel kernels[] = {RELU("relu", 77, relu), RELU("relu", KARAT_F32, relu)};

static const karat_kernel* kernel_at(int32_t index) { return &kernels[index]; }

static const karat_plugin plugin = {HEAD("unknown_dtype", KARAT_ABI_MAJOR, KARAT_ABI_MINOR),
                                    .description = "offers a dtype that does not exist",
                                    .kernel_count = sizeof kernels / sizeof *kernels, .kernel = kernel_at};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return &plugin;
}
