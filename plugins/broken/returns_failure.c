/* SPDX-License-Identifier: MIT
 *
 * Says yes to every call, and fails it.
 */
#include "plugins/broken/broken.h"

static int32_t supports(const karat_kernel* self, const karat_call* call, const char** reason) {
  (void)self, (void)call, (void)reason;
  return 1;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  (void)call;
  return KARAT_FAILED;
}

BROKEN_PLUGIN("returns_failure", "protocol_violation", "run() fails after supports() said yes",
              KERNEL("sigmoid", KARAT_F32, .supports = supports, .run = run));
