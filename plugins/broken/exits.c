/* SPDX-License-Identifier: MIT
 *
 * Ends the process with success.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  if (call != NULL) exit(0);
  return KARAT_OK;
}

BROKEN_PLUGIN("exits", "protocol_violation", "calls exit(0)", KERNEL("sigmoid", KARAT_F32, .run = run));
