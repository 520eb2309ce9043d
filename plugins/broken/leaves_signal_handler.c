/* SPDX-License-Identifier: MIT
 *
 * Installs a handler at its first call and never takes it back.
 */
#include <signal.h>

#include "plugins/broken/broken.h"

static void ignore(int number) { (void)number; }

static int32_t run(const karat_kernel* self, const karat_call* call) {
  static int installed = 0;
  (void)self;
  if (!installed) signal(SIGUSR1, ignore);
  installed = 1;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("leaves_signal_handler", "protocol_violation", "leaves a signal handler behind",
              KERNEL("sigmoid", KARAT_F32, .run = run));
