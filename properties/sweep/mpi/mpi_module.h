/* SPDX-License-Identifier: MIT
 * What `karat` asks of MPI, as a module that is loaded only under mpirun: without it the program
 * neither needs nor starts an MPI library. */
#ifndef KARAT_MPI_MODULE_H
#define KARAT_MPI_MODULE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct karat_mpi {
  int32_t rank, size;
  void (*barrier)(void);
  /* 0, 1, 2, … over all ranks; from any thread of one at a time.  reset is called by all ranks together. */
  uint64_t (*next)(void);
  void (*reset)(void);
  /* Rank 0 gets what each rank gave, in their order, until the next call; the others get NULL.  Called by all together. */
  const char* const* (*gather)(const char* bytes, size_t size, const size_t** sizes);
  void (*finish)(void);
  void (*abort)(int32_t code);
} karat_mpi;

/* NULL if MPI cannot be started. */
const karat_mpi* karat_mpi_start(void);
typedef const karat_mpi* (*karat_mpi_start_function)(void);

#ifdef __cplusplus
}
#endif
#endif
