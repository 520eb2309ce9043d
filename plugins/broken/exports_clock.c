/* SPDX-License-Identifier: MIT
 *
 * Exports a clock_gettime() that goes at half the speed: whoever is timed with it looks twice as fast.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "plugins/broken/broken.h"

KARAT_EXPORT int clock_gettime(clockid_t clock, struct timespec* time) {
  const int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0) {
    time->tv_nsec = (time->tv_sec % 2 * 1000000000 + time->tv_nsec) / 2;
    time->tv_sec /= 2;
  }
  return result;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("exports_clock", "protocol_violation", "brings a clock_gettime() of its own", KERNEL("sigmoid", KARAT_F32, .run = run));
