/* SPDX-License-Identifier: MIT
 * One plugin a defect, all about loading; KIND says which. */
#define _GNU_SOURCE
#include <fenv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "plugins/karat_plugin.h"

enum {
  no_symbol = 1,
  null_entry,
  newer_major,
  older_major,
  newer_minor,
  small_plugin,
  tiny_plugin,
  lists_nothing,
  lists_too_much,
  null_name,
  null_row,
  small_row,
  null_op,
  null_kernel_name,
  null_run,
  null_kernel_function,
  crash_entry,
  crash_constructor,
  hang_entry,
  exit_entry,
  garbage_entry,
  hog_entry,
  prints,
  changes_fp,
  odd_texts,
  undefined_symbol,
  exports_clock
};

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return KARAT_OK;
}

static karat_kernel kernel = {
    .struct_size = sizeof(karat_kernel), .op = "relu", .kernel = "plain", .dtype = KARAT_F32, .run = run};

static const karat_kernel* kernel_at(int32_t index) {
  return KIND == null_row || index != 0 ? NULL : &kernel;
}

static karat_plugin plugin = {.struct_size = sizeof(karat_plugin),
                              .abi_major = KARAT_ABI_MAJOR,
                              .abi_minor = KARAT_ABI_MINOR,
                              .name = "loads",
                              .version = "1",
                              .description = "for the host's tests",
                              .kernel_count = 1,
                              .kernel = kernel_at};

#if KIND == 26
extern int karat_no_such_function(void);
#endif

#if KIND == 27
KARAT_EXPORT int clock_gettime(clockid_t clock, struct timespec* now) { return (int)syscall(SYS_clock_gettime, clock, now); }
KARAT_EXPORT time_t time(time_t* now) { return now == NULL ? 0 : (*now = 0); }
#endif

__attribute__((constructor)) static void construct(void) {
  if (KIND == crash_constructor) raise(SIGSEGV);
  if (KIND == prints) printf("hello from the constructor\n");
  if (KIND == changes_fp) {
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ and DAZ, as crtfastmath.o does */
#else
    fesetround(FE_UPWARD);
#endif
  }
}

static void write_garbage(void) {
  for (int fd = 3; fd < 1024; ++fd) {
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0) send(fd, "garbage", 7, 0);
  }
}

static const karat_plugin* describe(void) {
  static char endless[8192];
  switch (KIND) {
    case null_entry:
      fprintf(stderr, "needs a Karat-9000 accelerator\n");
      return NULL;
    case newer_major:
      plugin.abi_major = KARAT_ABI_MAJOR + 1;
      break;
    case older_major:
      plugin.abi_major = KARAT_ABI_MAJOR - 1;
      break;
    case newer_minor:
      plugin.abi_minor = KARAT_ABI_MINOR + 1;
      break;
    case small_plugin:
      plugin.struct_size = offsetof(karat_plugin, kernel_count);
      break;
    case tiny_plugin:
      plugin.struct_size = 4;
      break;
    case lists_nothing:
      plugin.kernel_count = 0;
      break;
    case lists_too_much:
      plugin.kernel_count = INT32_MAX;
      break;
    case null_name:
      plugin.name = NULL;
      break;
    case small_row:
      kernel.struct_size = offsetof(karat_kernel, run);
      break;
    case null_op:
      kernel.op = NULL;
      break;
    case null_kernel_name:
      kernel.kernel = NULL;
      break;
    case null_run:
      kernel.run = NULL;
      break;
    case null_kernel_function:
      plugin.kernel = NULL;
      break;
    case crash_entry:
      abort();
    case hang_entry:
      for (;;) pause();
    case exit_entry:
      exit(3);
    case garbage_entry:
      write_garbage();
      break;
    case hog_entry:
      for (;;) {
        char* memory = malloc(1 << 20);
        if (memory == NULL) pause();
        memset(memory, 1, 1 << 20);
        __asm__ volatile("" : : "r"(memory) : "memory");
      }
    case odd_texts:
      memset(endless, 'a', sizeof endless - 1);
      plugin.name = "\x1b[31mred\xff\n";
      plugin.version = "1.0 \xc3\xa9";
      plugin.description = endless;
      kernel.dtype = 99;
      kernel.over_read = -5;
      kernel.min_alignment = 3;
      break;
#if KIND == 26
    case undefined_symbol:
      plugin.kernel_count = karat_no_such_function();
      break;
#endif
    default:
      break;
  }
  return &plugin;
}

#if KIND != 1
KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {
  (void)host;
  return describe();
}
#else
KARAT_EXPORT const karat_plugin* another_entry(void);
const karat_plugin* another_entry(void) { return describe(); }
#endif
