/* SPDX-License-Identifier: MIT
 *
 * Prints to standard output when it is loaded and when it runs; its kernel is right, and must be
 * judged.
 */
#include <stdio.h>

#include "plugins/broken/load/load.h"

static int32_t chatty_relu(const karat_kernel* self, const karat_call* call) {
  puts("prints: hello from run");
  fflush(stdout);
  return relu(self, call);
}

static const karat_kernel kernels[] = {RELU("relu", KARAT_F32, chatty_relu)};

static const karat_kernel* kernel_at(int32_t index) { return &kernels[index]; }

static const karat_plugin plugin = {HEAD("prints", KARAT_ABI_MAJOR, KARAT_ABI_MINOR),
                                    .description = "prints to standard output",
                                    .kernel_count = sizeof kernels / sizeof *kernels, .kernel = kernel_at};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  puts("prints: hello from karat_plugin_entry");
  fflush(stdout);
  return &plugin;
}
