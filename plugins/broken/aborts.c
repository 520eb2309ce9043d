/* SPDX-License-Identifier: MIT
 *
 * Calls abort(), as a failed assertion does.
 */
#include <stdlib.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  if (call != NULL) abort();
  return KARAT_OK;
}

BROKEN_PLUGIN("aborts", "crashed", "calls abort()", KERNEL("sigmoid", KARAT_F32, .run = run));
