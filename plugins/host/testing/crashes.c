/* SPDX-License-Identifier: MIT
 * Kernels that do not return. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugins/host/testing/kernels.h"

#if defined(__clang__) || defined(__GNUC__)
#define UNCHECKED __attribute__((no_sanitize("undefined", "address", "thread"), noinline))
#else
#define UNCHECKED
#endif

static UNCHECKED void poke(unsigned char* at, int write) {
  volatile unsigned char* byte = at;
  if (write)
    *byte = 1;
  else
    (void)*byte;
}

static _Noreturn void wait_forever(void) {
  for (;;) pause();
}

/* Touches byte `offset` of tensor `tensor`. */
static int32_t touches(const karat_kernel* self, const karat_call* call) {
  (void)self;
  poke(bytes_of(call, integer_attribute(call, "tensor")) + integer_attribute(call, "offset"),
       (int)integer_attribute(call, "write"));
  scale(call, 1);
  return KARAT_OK;
}

static size_t hundred_bytes(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return 100;
}
static int32_t leaves_scratch(const karat_kernel* self, const karat_call* call) {
  (void)self;
  poke((unsigned char*)call->scratch + 128, 1);
  return KARAT_OK;
}

static int32_t null_pointer(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  poke((unsigned char*)8, 1);
  return KARAT_OK;
}

static UNCHECKED int recurse(volatile unsigned char* outer) {
  volatile unsigned char frame[4096];
  frame[0] = outer[0];
  if (frame[0] == 0) return 0; /* it never is */
  return recurse(frame) + frame[0];
}
static int32_t overflows_stack(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  volatile unsigned char start[1] = {1};
  return recurse(start);
}

static int32_t aborts(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  abort();
}
static int32_t raises(const karat_kernel* self, const karat_call* call) {
  (void)self;
  raise((int)integer_attribute(call, "signal"));
  return KARAT_OK;
}

static void* crash_there(void* argument) {
  poke((unsigned char*)argument, 0);
  return NULL;
}
static int32_t crashes_in_thread(const karat_kernel* self, const karat_call* call) {
  (void)self;
  pthread_t thread;
  const karat_tensor* x = call->tensors[0];
  if (pthread_create(&thread, NULL, crash_there, (float*)x->data + extent(x)) != 0) return KARAT_FAILED;
  pthread_join(thread, NULL);
  return KARAT_OK;
}

static int32_t supports_crashing(const karat_kernel* self, const karat_call* call, const char** reason) {
  (void)self, (void)call, (void)reason;
  abort();
}
static int32_t in_supports(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  return KARAT_OK;
}

static void* die_soon(void* argument) {
  (void)argument;
  usleep(20000);
  abort();
}
static int32_t dies_later(const karat_kernel* self, const karat_call* call) {
  (void)self;
  pthread_t thread;
  if (pthread_create(&thread, NULL, die_soon, NULL) != 0) return KARAT_FAILED;
  pthread_detach(thread);
  scale(call, 1);
  return KARAT_OK;
}

static int32_t hangs(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  wait_forever();
}
static int32_t hangs_printing(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  while (puts("still here") >= 0) continue;
  return KARAT_OK;
}

static int32_t eats_memory(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  const size_t size = (size_t)1 << 20;
  void* memory;
  while ((memory = malloc(size)) != NULL) {
    memset(memory, 1, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
  }
  wait_forever();
}
/* Memory that it never touches: somewhere malloc must refuse. */
static int32_t eats_addresses(const karat_kernel* self, const karat_call* call) {
  (void)self, (void)call;
  for (int i = 0; i < 100000; ++i) {
    void* memory = malloc((size_t)64 << 20);
    if (memory == NULL) return KARAT_OUT_OF_MEMORY;
    __asm__ volatile("" : : "r"(memory) : "memory");
  }
  return KARAT_FAILED;
}

static int32_t exits(const karat_kernel* self, const karat_call* call) {
  (void)self;
  exit((int)integer_attribute(call, "code"));
}
static int32_t exits_at_once(const karat_kernel* self, const karat_call* call) {
  (void)self;
  _exit((int)integer_attribute(call, "code"));
}

static int32_t closes_descriptors(const karat_kernel* self, const karat_call* call) {
  (void)self;
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  if (integer_attribute(call, "hang")) wait_forever();
  return KARAT_OK;
}

/* kind 0: text; 1: an empty packet; 2: too long; 3: an answer to another question; 4: one cut off */
static int32_t writes_to_control(const karat_kernel* self, const karat_call* call) {
  (void)self;
  static char junk[128 * 1024];
  const int64_t kind = integer_attribute(call, "kind");
  for (int fd = 3; fd < 1024; ++fd) {
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_SEQPACKET) continue;
    if (kind == 0) send(fd, "{\"ok\": true}", 12, 0);
    if (kind == 1) send(fd, "", 0, 0);
    if (kind == 2) send(fd, junk, sizeof junk, 0);
    if (kind >= 3) {
      const uint32_t header[4] = {0x6b617274, 1, kind == 3 ? 99 : 0, 0};
      /* A flawless "ok, 0.5 s": code, two empty texts, one number. */
      const uint32_t lengths[4] = {0, 0, 0, 1};
      const double seconds = 0.5;
      memcpy(junk, header, sizeof header);
      memcpy(junk + 16, lengths, sizeof lengths);
      memcpy(junk + 32, &seconds, sizeof seconds);
      send(fd, junk, kind == 3 ? 40 : 24, 0);
    }
  }
  wait_forever();
}

static int32_t forks(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const pid_t child = fork();
  if (child < 0) return KARAT_FAILED;
  if (child == 0) wait_forever();
  scale(call, 1);
  ((float*)call->tensors[1]->data)[0] = (float)child;
  return KARAT_OK;
}

static const karat_kernel rows[] = {
    ROW(touches),
    ROW_WITH(leaves_scratch, leaves_scratch, .scratch_bytes = hundred_bytes),
    ROW(null_pointer),
    ROW(overflows_stack),
    ROW(aborts),
    ROW(raises),
    ROW(crashes_in_thread),
    ROW_WITH(in_supports, in_supports, .supports = supports_crashing),
    ROW(dies_later),
    ROW(hangs),
    ROW(hangs_printing),
    ROW(eats_memory),
    ROW(eats_addresses),
    ROW(exits),
    ROW(exits_at_once),
    ROW(closes_descriptors),
    ROW(writes_to_control),
    ROW(forks),
};

PLUGIN("crashes", rows)
