/* SPDX-License-Identifier: MIT
 *
 * Closes every descriptor above standard error, as a library that makes itself a daemon does.
 */
#include <unistd.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  for (int descriptor = 3; descriptor < 4096; ++descriptor) close(descriptor);
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("closes_descriptors", "protocol_violation", "closes descriptors that are not its own",
              KERNEL("sigmoid", KARAT_F32, .run = run));
