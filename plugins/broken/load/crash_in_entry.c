/* SPDX-License-Identifier: MIT
 *
 * Crashes in its entry function.
 */
#include "plugins/broken/load/load.h"

static const karat_kernel only = RELU("relu", KARAT_F32, relu);
static const karat_kernel* kernel_at(int32_t index) { return index == 0 ? &only : NULL; }

static const karat_plugin plugin = {HEAD("crash_in_entry", KARAT_ABI_MAJOR, KARAT_ABI_MINOR),
                                    .description = "crashes in its entry function", .kernel_count = 1,
                                    .kernel = kernel_at};

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  /* Volatile, so that no compiler and no sanitizer sees it coming. */
  volatile uintptr_t address = 64;
  (void)host;
  *(volatile int*)address = 1;
  return &plugin;
}
