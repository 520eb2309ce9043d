/* SPDX-License-Identifier: MIT
 *
 * Switches flush-to-zero on for speed, and leaves it so.
 */
#include "plugins/broken/broken.h"

static void flush_to_zero(void) {
#if defined(__SSE__)
  __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8000u);
#elif defined(__aarch64__)
  uint64_t control;
  __asm__ volatile("mrs %0, fpcr" : "=r"(control));
  __asm__ volatile("msr fpcr, %0" : : "r"(control | 1u << 24));
#endif
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  map(call, right_sigmoid);
  flush_to_zero();
  return KARAT_OK;
}

BROKEN_PLUGIN("leaves_ftz_on", "fp_env_changed", "leaves flush-to-zero switched on",
              KERNEL("sigmoid", KARAT_F32, .run = run));
