/* SPDX-License-Identifier: MIT
 *
 * A library that is no plugin: it exports a function, and not karat_plugin_entry.
 */
#include "plugins/broken/load/load.h"

KARAT_EXPORT int32_t not_a_plugin(const karat_kernel* self, const karat_call* call);
KARAT_EXPORT int32_t not_a_plugin(const karat_kernel* self, const karat_call* call) {
  return relu(self, call);
}
