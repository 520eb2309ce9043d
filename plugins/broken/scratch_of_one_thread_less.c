/* SPDX-License-Identifier: MIT
 *
 * Asks for scratch for one thread less than it uses: ggml-org/llama.cpp#4307.
 */
#include "plugins/broken/broken.h"

enum { page = 4096 };

static size_t scratch_bytes(const karat_kernel* self, const karat_call* call) {
  (void)self;
  return call->threads > 1 ? (size_t)page * (size_t)(call->threads - 1) : page;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  for (int32_t thread = 0; thread < call->threads; ++thread) ((volatile unsigned char*)call->scratch)[(size_t)page * (size_t)thread] = 1;
  return map(call, right_sigmoid);
}

BROKEN_PLUGIN("scratch_of_one_thread_less", "out_of_bounds", "writes behind the scratch that it asked for, with several threads",
              KERNEL("sigmoid", KARAT_F32, .run = run, .scratch_bytes = scratch_bytes));
