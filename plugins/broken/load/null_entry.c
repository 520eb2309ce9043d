/* SPDX-License-Identifier: MIT
 *
 * Its entry function returns NULL: "cannot run here".
 */
#include "plugins/broken/load/load.h"

KARAT_EXPORT int32_t a_kernel(const karat_kernel* self, const karat_call* call);
KARAT_EXPORT int32_t a_kernel(const karat_kernel* self, const karat_call* call) { return relu(self, call); }

KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return NULL;
}
