/* SPDX-License-Identifier: MIT
 *
 * Waits for something that does not come.
 */
#include <threads.h>
#include <time.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const struct timespec moment = {.tv_nsec = 1000000};
  while (call != NULL) thrd_sleep(&moment, NULL);
  return KARAT_OK;
}

BROKEN_PLUGIN("hangs", "hung", "never returns", KERNEL("sigmoid", KARAT_F32, .run = run));
