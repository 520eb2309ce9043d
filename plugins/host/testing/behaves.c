/* SPDX-License-Identifier: MIT
 * Kernels that return: right ones, declining ones, failing ones, careless ones. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "plugins/host/testing/kernels.h"

static int32_t copy(const karat_kernel* self, const karat_call* call) {
  (void)self;
  scale(call, 1);
  return KARAT_OK;
}

static int32_t twice(const karat_kernel* self, const karat_call* call) {
  (void)self;
  scale(call, 2);
  return KARAT_OK;
}

/* p (in-out) += x */
static int32_t accumulate(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor* x = call->tensors[0];
  const karat_tensor* p = call->tensors[1];
  for (int64_t i = 0; i < extent(x); ++i)
    ((float*)p->data)[i * stride(p)] += ((const float*)x->data)[i * stride(x)];
  return KARAT_OK;
}

/* y[0…6] = what the call says */
static int32_t echo(const karat_kernel* self, const karat_call* call) {
  float* y = (float*)call->tensors[1]->data;
  if (self->user != NULL || call->struct_size != sizeof(karat_call)) return KARAT_FAILED;
  if (strcmp(call->tensors[0]->name, "x") != 0 || call->tensors[0]->role != KARAT_INPUT) return KARAT_FAILED;
  y[0] = (float)call->attributes[0]->number;
  y[1] = (float)call->attributes[1]->integer;
  y[2] = (float)strlen(call->attributes[2]->text);
  y[3] = 0;
  for (int32_t i = 0; i < call->attributes[3]->list_length; ++i) y[3] += (float)call->attributes[3]->list[i];
  y[4] = (float)call->threads;
  y[5] = (float)((uintptr_t)call->tensors[0]->data % 4096);
  y[6] = (float)((uintptr_t)y % 4096);
  return call->attribute_count == 4 ? KARAT_OK : KARAT_FAILED;
}

static int32_t supports_nothing(const karat_kernel* self, const karat_call* call, const char** reason) {
  (void)self;
  *reason = call->tensors[0]->data == NULL ? "only on Sundays\n" : "saw a data pointer in supports()";
  return 0;
}
static int32_t supports_silently(const karat_kernel* self, const karat_call* call, const char** reason) {
  (void)self, (void)call, (void)reason;
  return 0;
}

static int32_t fails(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return KARAT_FAILED;
}
static int32_t fails_with_7(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return 7;
}
static int32_t no_memory(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return KARAT_OUT_OF_MEMORY;
}

static int32_t prints(const karat_kernel* self, const karat_call* call) {
  (void)self;
  printf("to stdout %s", "\x1b[31mred\xff");
  fprintf(stderr, "to stderr\n");
  for (int64_t i = 0; i < integer_attribute(call, "lines"); ++i) puts("the same line again and again");
  scale(call, 1);
  return KARAT_OK;
}

/* Leaves FTZ on (x86) or rounding upward. */
static int32_t leaves_fp(const karat_kernel* self, const karat_call* call) {
  (void)self;
  scale(call, 1);
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8000u);
#endif
  fesetround(FE_UPWARD);
  return KARAT_OK;
}
static int32_t needs_default_fp(const karat_kernel* self, const karat_call* call) {
  (void)self;
  scale(call, 1);
#if defined(__x86_64__)
  if ((_mm_getcsr() & ~0x3fu) != 0x1f80u) return KARAT_FAILED;
#endif
  feraiseexcept(FE_INEXACT | FE_INVALID); /* sticky flags are nobody's business */
  return fegetround() == FE_TONEAREST ? KARAT_OK : KARAT_FAILED;
}

/* Writes `count` bytes at byte `offset` of tensor `tensor`. */
static int32_t scribbles(const karat_kernel* self, const karat_call* call) {
  (void)self;
  scale(call, 1);
  memset(bytes_of(call, integer_attribute(call, "tensor")) + integer_attribute(call, "offset"), 0x55,
         (size_t)integer_attribute(call, "count"));
  return KARAT_OK;
}

/* Reads the bytes [offset, offset + count) of tensor 0; fails unless each is 0xff. */
static int32_t wants_nan(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const volatile unsigned char* bytes = bytes_of(call, 0) + integer_attribute(call, "offset");
  for (int64_t i = 0; i < integer_attribute(call, "count"); ++i)
    if (bytes[i] != 0xff) return KARAT_FAILED;
  scale(call, 1);
  return KARAT_OK;
}

static size_t hundred_bytes(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return call->scratch == NULL ? 100 : 0;
}
static size_t changes_fp(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  fesetround(FE_UPWARD);
  return 0;
}
static size_t all_memory(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return SIZE_MAX;
}
static int32_t uses_scratch(const karat_kernel* self, const karat_call* call) {
  (void)self;
  if (call->scratch_size != 100 || (uintptr_t)call->scratch % 64 != 0) return KARAT_FAILED;
  unsigned char* scratch = call->scratch;
  for (int i = 0; i < 100; ++i)
    if (scratch[i] != 0xff) return KARAT_FAILED;
  memset(scratch, 0, 100);
  scale(call, 1);
  return KARAT_OK;
}

/* Tries to make its input writable. */
static int32_t unprotects(const karat_kernel* self, const karat_call* call) {
  (void)self;
  unsigned char* page = bytes_of(call, 0) - (uintptr_t)bytes_of(call, 0) % (uintptr_t)sysconf(_SC_PAGESIZE);
  if (mprotect(page, 1, PROT_READ | PROT_WRITE) != 0) return 1000 + errno;
  *bytes_of(call, 0) = 1;
  return KARAT_OK;
}

/* Tries to reopen every descriptor for writing, to write, shrink and seal.  Returns how often writing to the
 * inputs or shrinking worked. */
static int32_t reopens(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  int32_t successes = 0;
  for (int fd = 3; fd < 1024; ++fd) {
    char link[64], target[256] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, target, sizeof target - 1) < 0 || strstr(target, "karat-") == NULL) continue;
    const int again = open(link, O_RDWR);
    if (again < 0) continue;
    if (ftruncate(again, 0) == 0) successes += 2;
    if (strstr(target, "karat-inputs") != NULL) {
      if (pwrite(again, "x", 1, 0) == 1) successes += 4;
      if (mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, again, 0) != MAP_FAILED) successes += 8;
    }
    close(again);
  }
  return successes;
}

/* Writes to tensor 0 where the host has it mapped: found in /proc/PARENT/maps.  Returns 5 if it may not. */
static int32_t writes_to_host(const karat_kernel* self, const karat_call* call) {
  (void)self;
  scale(call, 1);
  char path[64], line[512];
  unsigned long long begin = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", (int)getppid());
  FILE* maps = fopen(path, "r");
  if (maps == NULL) return 5;
  while (fgets(line, sizeof line, maps) != NULL)
    if (strstr(line, "karat-inputs") != NULL) {
      begin = strtoull(line, NULL, 16);
      break;
    }
  fclose(maps);
  snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
  const int memory = open(path, O_RDWR);
  if (memory < 0) return 5;
  const ssize_t wrote = pwrite(memory, "x", 1, (off_t)begin);
  close(memory);
  return wrote == 1 ? KARAT_OK : 5;
}

/* Hides the crashes to come. */
static int32_t takes_handler(const karat_kernel* self, const karat_call* call) {
  (void)self;
  signal(SIGSEGV, _exit);
  scale(call, 1);
  return KARAT_OK;
}

/* Takes a handler, and gives it back. */
static int32_t borrows_handler(const karat_kernel* self, const karat_call* call) {
  (void)self;
  struct sigaction before, mine = {.sa_handler = SIG_IGN};
  sigaction(SIGUSR2, &mine, &before);
  scale(call, 1);
  sigaction(SIGUSR2, &before, NULL);
  return KARAT_OK;
}

static int32_t binds_to_one_cpu(const karat_kernel* self, const karat_call* call) {
  (void)self;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET((size_t)sched_getcpu(), &one);
  scale(call, 1);
  return sched_setaffinity(0, sizeof one, &one) == 0 ? KARAT_OK : KARAT_FAILED;
}

static void* wait_forever_there(void* argument) {
  for (;;) pause();
  return argument;
}
/* Starts threads until `threads` of them wait, or one more with every call if that is 0. */
static int32_t keeps_threads(const karat_kernel* self, const karat_call* call) {
  (void)self;
  static int64_t running = 0;
  const int64_t wanted = integer_attribute(call, "threads");
  const int64_t goal = wanted == 0 ? running + 1 : wanted;
  while (running < goal) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_forever_there, NULL) != 0) return KARAT_FAILED;
    pthread_detach(thread);
    ++running;
  }
  scale(call, 1);
  return KARAT_OK;
}

#if defined(__x86_64__)
/* Half the kernel's time. */
static int slow_clock(clockid_t clock, struct timespec* now) {
  const int result = (int)syscall(SYS_clock_gettime, clock, now);
  now->tv_nsec = (now->tv_sec % 2 * 1000000000 + now->tv_nsec) / 2;
  now->tv_sec /= 2;
  return result;
}
#endif
/* Overwrites the C library's clock_gettime() by a jump to another one. */
static int32_t patches_clock(const karat_kernel* self, const karat_call* call) {
  (void)self;
#if defined(__x86_64__)
  unsigned char jump[12] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0}; /* mov rax, imm64; jmp rax */
  int (*const to)(clockid_t, struct timespec*) = slow_clock;
  int (*const from)(clockid_t, struct timespec*) = clock_gettime;
  unsigned char* code;
  memcpy(jump + 2, &to, sizeof to);
  memcpy(&code, &from, sizeof code);
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  unsigned char* first = code - (uintptr_t)code % page;
  if (mprotect(first, 2 * page, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) return KARAT_FAILED;
  memcpy(code, jump, sizeof jump);
#endif
  scale(call, 1);
  return KARAT_OK;
}

static int32_t sleeps(const karat_kernel* self, const karat_call* call) {
  (void)self;
  usleep((useconds_t)integer_attribute(call, "microseconds"));
  scale(call, 1);
  return KARAT_OK;
}

static const karat_kernel rows[] = {
    ROW_WITH(copy, copy, .capabilities = KARAT_STRIDED, .claim = "exact", .compute_dtype = KARAT_F64),
    ROW_WITH(twice, twice, .capabilities = KARAT_IN_PLACE),
    ROW(accumulate),
    ROW(echo),
    {.struct_size = sizeof(karat_kernel),
     .op = "relu",
     .kernel = "declines",
     .dtype = 4711,
     .run = copy,
     .supports = supports_nothing},
    ROW_WITH(declines_silently, copy, .supports = supports_silently),
    ROW(fails),
    ROW(fails_with_7),
    ROW(no_memory),
    ROW(prints),
    ROW(leaves_fp),
    ROW(needs_default_fp),
    ROW_WITH(scribbles, scribbles, .capabilities = KARAT_STRIDED | KARAT_IN_PLACE),
    ROW_WITH(wants_nan, wants_nan, .capabilities = KARAT_STRIDED),
    ROW_WITH(over_reads, wants_nan, .over_read = 16),
    ROW_WITH(uses_scratch, uses_scratch, .scratch_bytes = hundred_bytes),
    ROW_WITH(asks_for_all, copy, .scratch_bytes = all_memory),
    ROW_WITH(scratch_changes_fp, needs_default_fp, .scratch_bytes = changes_fp),
    ROW(unprotects),
    ROW(reopens),
    ROW(writes_to_host),
    ROW(takes_handler),
    ROW(borrows_handler),
    ROW(binds_to_one_cpu),
    ROW(keeps_threads),
    ROW(patches_clock),
    ROW(sleeps),
};

PLUGIN("behaves", rows)
