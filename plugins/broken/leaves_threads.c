/* SPDX-License-Identifier: MIT
 *
 * Starts a thread in every call and never joins it.
 */
#include <pthread.h>
#include <unistd.h>

#include "plugins/broken/broken.h"

static void* wait_forever(void* argument) {
  for (;;) pause();
  return argument;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  pthread_t thread;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 1 << 16);
  if (pthread_create(&thread, &small, wait_forever, NULL) == 0) pthread_detach(thread);
  pthread_attr_destroy(&small);
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("leaves_threads", "protocol_violation", "leaves one more thread behind with every call",
              KERNEL("sigmoid", KARAT_F32, .run = run));
