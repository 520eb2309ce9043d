// SPDX-License-Identifier: MIT
#include <malloc.h>

#include "cli/command.hpp"

int main(int argc, char** argv) {
#ifdef __GLIBC__
  // Tensors of enclosures come and go by the million: memory that is handed back to the system each
  // time costs a third of the time that certificates take.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
#endif
  return karat::cli::run({argv + 1, argv + argc});
}
