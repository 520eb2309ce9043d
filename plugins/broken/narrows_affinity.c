/* SPDX-License-Identifier: MIT
 *
 * Binds the calling thread to one CPU: all that follows in the process has that one alone.  On a machine
 * with one CPU that changes nothing.
 */
#define _GNU_SOURCE
#include <sched.h>

#include "plugins/broken/broken.h"

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const int cpu = sched_getcpu();
  cpu_set_t one;
  CPU_ZERO(&one);
  if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_SET(cpu, &one);
  sched_setaffinity(0, sizeof one, &one);
  return map(call, right_sigmoid);
}

static int has_several_cpus(void) {
  cpu_set_t all;
  return sched_getaffinity(0, sizeof all, &all) == 0 && CPU_COUNT(&all) > 1;
}

BROKEN_PLUGIN("narrows_affinity", has_several_cpus() ? "protocol_violation" : "pass", "binds the calling thread to one CPU",
              KERNEL("sigmoid", KARAT_F32, .run = run));
