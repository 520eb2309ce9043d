/* SPDX-License-Identifier: MIT
 *
 * karat_plugin.h: how a back end offers its kernels to Karat.  C11, and valid C++20.
 *
 * A back end is a shared object with one exported symbol:
 *
 *     KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host);
 *
 * It returns a description that lists kernels; a kernel computes one operator of the
 * catalogue (`karat list ops`) in one dtype.  plugins/template/ is the smallest example.
 *
 * The plugin runs in a process of its own.  Inputs are mapped read-only, each tensor lies
 * against an unmapped page, outputs arrive filled with NaN, and the floating-point
 * environment is compared before and after each call.
 *
 * Versions.  A plugin is loaded if its abi_major equals the host's and its abi_minor is at
 * most the host's.  A minor version only appends: fields at the end of a struct, codes at
 * the end of an enumeration.  Whoever reads a struct of the other side reads only the
 * fields that lie inside its struct_size (KARAT_HAS).
 */
#ifndef KARAT_PLUGIN_H
#define KARAT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#define KARAT_ABI_MAJOR 1
#define KARAT_ABI_MINOR 0

#if defined(__GNUC__)
#define KARAT_VISIBLE __attribute__((visibility("default")))
#else
#define KARAT_VISIBLE
#endif
#ifdef __cplusplus
#define KARAT_EXPORT extern "C" KARAT_VISIBLE
extern "C" {
#else
#define KARAT_EXPORT KARAT_VISIBLE
#endif

/* True if the struct at `pointer`, as its owner filled it in, contains `field`. */
#define KARAT_HAS(type, pointer, field) \
  ((pointer)->struct_size >= offsetof(type, field) + sizeof((pointer)->field))

/* Element types.  They cross as int32_t. */
enum {
  KARAT_F64 = 1,  /* IEEE binary64 */
  KARAT_F32 = 2,  /* IEEE binary32 */
  KARAT_F16 = 3,  /* IEEE binary16 */
  KARAT_BF16 = 4, /* bfloat16: the upper half of a binary32 */
  KARAT_I32 = 5,  /* targets and indices */
  KARAT_I64 = 6
};

/* What a tensor is to the operator. */
enum {
  KARAT_INPUT = 1,  /* read only: writing to it is a fault */
  KARAT_OUTPUT = 2, /* write only: every element must be written; holds NaN before */
  KARAT_INOUT = 3   /* read and written: optimizer parameters and states */
};

/* A tensor.  Owned by the host; valid until the function that received it returns.
 * Names are the operator's (`karat list ops`): x, y; dy, x, dx; … */
typedef struct karat_tensor {
  size_t struct_size;
  const char* name;
  int32_t role;           /* KARAT_INPUT, … */
  int32_t dtype;          /* KARAT_F32, … */
  void* data;             /* element (0, …, 0).  NULL inside supports(). */
  int32_t rank;           /* 0: one element, shape and strides are not read */
  int32_t reserved;       /* 0 */
  const int64_t* shape;   /* rank extents, each 0 or more */
  const int64_t* strides; /* rank steps in elements, each 1 or more */
} karat_tensor;

enum { KARAT_NUMBER = 1, KARAT_INTEGER = 2, KARAT_TEXT = 3, KARAT_LIST = 4 };

/* An attribute of the operator.  Numbers are exactly representable in the compute type:
 * f32 for f32, f16 and bf16 tensors, f64 for f64. */
typedef struct karat_attribute {
  size_t struct_size;
  const char* name;
  int32_t kind;        /* KARAT_NUMBER, …: says which of the following is set */
  int32_t list_length;
  double number;
  int64_t integer;
  const char* text;
  const int64_t* list;
} karat_attribute;

/* One call.  Owned by the host; valid until the function returns. */
typedef struct karat_call {
  size_t struct_size;
  const karat_tensor* const* tensors; /* in the operator's order */
  int32_t tensor_count;
  int32_t attribute_count;
  const karat_attribute* const* attributes;
  int32_t threads;     /* how many threads the kernel may use, 1 or more */
  int32_t reserved;    /* 0 */
  void* scratch;       /* scratch_bytes() of memory, 64-byte aligned, or NULL */
  size_t scratch_size;
} karat_call;

/* What a kernel can do beyond dense, separate, aligned tensors.  Bits of `capabilities`. */
enum {
  KARAT_STRIDED = 1,      /* any positive strides */
  KARAT_IN_PLACE = 2,     /* output data may equal an input's data of the same shape and strides */
  KARAT_THREAD_SAFE = 4,  /* run() may be called from several threads at once */
  KARAT_DETERMINISTIC = 8 /* same values, same bits: whatever the thread count, the address, the
                             element's place in the tensor and the sample's in the batch */
};

/* run() returns one of these, or any other non-zero value for an error of its own. */
enum { KARAT_OK = 0, KARAT_FAILED = 1, KARAT_OUT_OF_MEMORY = 2 };

/* One kernel.  Owned by the plugin; valid and unchanged until the process ends. */
typedef struct karat_kernel {
  size_t struct_size;
  const char* op;         /* operator of the catalogue: "softmax" */
  const char* kernel;     /* this implementation's name, after its method: "two_pass" */
  int32_t dtype;          /* of the tensors: KARAT_F32, … */
  int32_t compute_dtype;  /* type that it computes in; 0: at least the usual one
                             (f64 for f64, f32 for f32, f16 and bf16) */
  uint32_t capabilities;  /* KARAT_STRIDED | … */
  int32_t min_alignment;  /* of every data pointer, in bytes, a power of two;
                             0 or the element's size: any */
  int32_t over_read;      /* bytes past the end of an input that it may read; 0 if none */
  int32_t reserved;       /* 0 */
  const char* claim;      /* accuracy that Karat shall hold it to: "exact", "faithful"; or NULL */
  void* user;             /* the plugin's own; Karat does not touch it */

  /* 1 if run() computes this call, 0 if it declines; then *reason may be set to a static
   * text.  May be NULL: every call that the capabilities allow.  Data pointers are not set. */
  int32_t (*supports)(const struct karat_kernel* self, const karat_call* call, const char** reason);

  /* Bytes of scratch that run() wants for this call.  May be NULL: none. */
  size_t (*scratch_bytes)(const struct karat_kernel* self, const karat_call* call);

  /* Computes the call.  Called from one thread at a time unless KARAT_THREAD_SAFE; may use
   * call->threads threads and must have joined or parked them when it returns. */
  int32_t (*run)(const struct karat_kernel* self, const karat_call* call);
} karat_kernel;

/* The host, as the plugin sees it.  Valid until the process ends. */
typedef struct karat_host {
  size_t struct_size;
  int32_t abi_major;
  int32_t abi_minor;
  /* An extension "karat.<name>/<revision>" of the host, or NULL if it has none. */
  const void* (*extension)(const char* id);
} karat_host;

/* The plugin.  Owned by the plugin; valid and unchanged until the process ends. */
typedef struct karat_plugin {
  size_t struct_size;
  int32_t abi_major;       /* KARAT_ABI_MAJOR, as compiled */
  int32_t abi_minor;       /* KARAT_ABI_MINOR, as compiled */
  const char* name;        /* "mylib" */
  const char* version;     /* of the library behind it: "2.6.3" */
  const char* description; /* one line */
  int32_t kernel_count;
  int32_t reserved;        /* 0 */
  const karat_kernel* (*kernel)(int32_t index); /* 0 <= index < kernel_count */
  /* An extension "karat.<name>/<revision>" of the plugin, or NULL.  May be NULL itself. */
  const void* (*extension)(const char* id);
} karat_plugin;

/* The exported symbol's name and type.  Called once, after loading.  NULL: cannot run here. */
#define KARAT_PLUGIN_ENTRY "karat_plugin_entry"
typedef const karat_plugin* (*karat_plugin_entry_function)(const karat_host* host);

/* Extension "karat.expected_verdict/1" of a plugin: a `const char*`, the verdict that must
 * catch it.  Only `karat self-check` asks for it. */
#define KARAT_EXPECTED_VERDICT "karat.expected_verdict/1"

#ifdef __cplusplus
}
#endif
#endif
