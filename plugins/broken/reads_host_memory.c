/* SPDX-License-Identifier: MIT
 *
 * Looks for the answers in the memory of the process that started it: behind a copy of the inputs, numbers
 * that could be results.  Where the system lets it look and where not, they are not there: the exact answers
 * are computed after the last run.  Special values are computed, so that only the accuracy can tell.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plugins/broken/broken.h"

enum { looked_at = 1 << 20 };
static char memory[looked_at];

/* The beginning of the parent's heap; 0 bytes if it may not be read. */
static size_t read_heap(void) {
  char path[64], line[512];
  unsigned long long begin = 0;
  ssize_t got = 0;
  snprintf(path, sizeof path, "/proc/%d/maps", (int)getppid());
  FILE* maps = fopen(path, "r");
  if (maps == NULL) return 0;
  while (begin == 0 && fgets(line, sizeof line, maps) != NULL)
    if (strstr(line, "[heap]") != NULL) begin = strtoull(line, NULL, 16);
  fclose(maps);
  snprintf(path, sizeof path, "/proc/%d/mem", (int)getppid());
  const int file = open(path, O_RDONLY);
  if (file < 0) return 0;
  if (begin != 0) got = pread(file, memory, sizeof memory, (off_t)begin);
  close(file);
  return got > 0 ? (size_t)got : 0;
}

static int32_t run(const karat_kernel* self, const karat_call* call) {
  (void)self;
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);
  const size_t bytes = (size_t)count * sizeof(float);
  const char* found = NULL;
  const size_t size = count >= 4 && count <= 1024 ? read_heap() : 0;
  for (size_t i = 0; found == NULL && i + 2 * bytes <= size; i += sizeof(float))
    if (memcmp(memory + i, x->data, bytes) == 0) found = memory + i + bytes;
  for (int64_t i = 0; i < count; ++i) {
    float v = 0;
    if (found != NULL) memcpy(&v, found + (size_t)i * sizeof v, sizeof v);
    if (!(v > 0 && v < 1)) v = 0;
    store(y, i, isfinite(load(x, i)) ? v : right_sigmoid(load(x, i), call));
  }
  return KARAT_OK;
}

BROKEN_PLUGIN("reads_host_memory", "inaccurate", "looks for the answers in the memory of its parent process",
              KERNEL("sigmoid", KARAT_F32, .run = run));
