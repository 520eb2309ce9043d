/* SPDX-License-Identifier: MIT
 *
 * What the broken plugins share: right scalar implementations of the forward operators in
 * every dtype, and the frame of a plugin, so that each of their files shows its defect and
 * little else.
 *
 * Everything is computed in `wide` and rounded once to the tensor's dtype.  wide has 64
 * significand bits or more, so a result is one of the two neighbours of the exact one
 * (`faithful`), subnormals and overflow included.
 */
#ifndef KARAT_BROKEN_H
#define KARAT_BROKEN_H

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "plugins/karat_plugin.h"

typedef long double wide;
_Static_assert(LDBL_MANT_DIG >= 64, "wide needs 64 significand bits");

/* ---- Formats: reading and writing one element ------------------------------------------ */

/* The bits of a 16-bit format with p significand bits and least exponent e_min that are
 * nearest to v, ties to even. */
static inline uint16_t encode16(wide v, int p, int e_min) {
  const uint16_t infinity = (uint16_t)((-2 * e_min + 3) << (p - 1)); /* exponent field all ones */
  const uint16_t sign = signbit(v) ? 0x8000 : 0;
  const wide magnitude = fabsl(v);
  int e;
  if (isnan(v)) return (uint16_t)(sign | infinity | 1u << (p - 2));
  if (magnitude == 0) return sign;
  if (magnitude > ldexpl(1, -e_min + 2)) return (uint16_t)(sign | infinity);
  frexpl(magnitude, &e);
  if (--e < e_min) e = e_min; /* 2^e <= magnitude < 2^(e+1), or subnormal */
  /* An integer of p bits; a carry runs on into the exponent field, as it should. */
  const int32_t steps = (int32_t)rintl(ldexpl(magnitude, p - 1 - e));
  return (uint16_t)(sign | (steps + ((e - e_min) << (p - 1))));
}

static inline wide decode16(uint16_t bits, int p, int e_min) {
  const int32_t fraction = bits & ((1 << (p - 1)) - 1);
  const int32_t exponent = (bits & 0x7fff) >> (p - 1);
  wide magnitude;
  if (exponent == -2 * e_min + 3)
    magnitude = fraction ? (wide)NAN : (wide)INFINITY;
  else if (exponent == 0)
    magnitude = ldexpl(fraction, e_min - (p - 1));
  else
    magnitude = ldexpl(fraction + (1 << (p - 1)), exponent - 1 + e_min - (p - 1));
  return bits & 0x8000 ? -magnitude : magnitude;
}

static inline wide load(const karat_tensor* t, int64_t offset) {
  switch (t->dtype) {
    case KARAT_F64:
      return ((const double*)t->data)[offset];
    case KARAT_F32:
      return ((const float*)t->data)[offset];
    case KARAT_F16:
      return decode16(((const uint16_t*)t->data)[offset], 11, -14);
    default:
      return decode16(((const uint16_t*)t->data)[offset], 8, -126);
  }
}

static inline void store(const karat_tensor* t, int64_t offset, wide v) {
  switch (t->dtype) {
    case KARAT_F64:
      ((double*)t->data)[offset] = (double)v;
      break;
    case KARAT_F32:
      ((float*)t->data)[offset] = (float)v;
      break;
    case KARAT_F16:
      ((uint16_t*)t->data)[offset] = encode16(v, 11, -14);
      break;
    default:
      ((uint16_t*)t->data)[offset] = encode16(v, 8, -126);
      break;
  }
}

/* The float below or at v: the other neighbour than the nearest, half of the time. */
static inline float round_down(wide v) {
  const float nearest = (float)v;
  return (wide)nearest > v ? nextafterf(nearest, -INFINITY) : nearest;
}

/* ---- Tensors ---------------------------------------------------------------------------- */

static inline int64_t count_of(const karat_tensor* t) {
  int64_t count = 1;
  for (int32_t d = 0; d < t->rank; ++d) count *= t->shape[d];
  return count;
}

/* Where element number i lies, counted with the last axis fastest. */
static inline int64_t at(const karat_tensor* t, int64_t i) {
  int64_t offset = 0;
  for (int32_t d = t->rank - 1; d >= 0; --d) {
    offset += i % t->shape[d] * t->strides[d];
    i /= t->shape[d];
  }
  return offset;
}

static inline const karat_attribute* attribute(const karat_call* call, const char* name) {
  for (int32_t i = 0; i < call->attribute_count; ++i)
    if (strcmp(call->attributes[i]->name, name) == 0) return call->attributes[i];
  return NULL;
}

static inline wide number(const karat_call* call, const char* name) { return attribute(call, name)->number; }

/* y = f(x), element by element. */
typedef wide (*elementwise)(wide x, const karat_call* call);
static inline int32_t map(const karat_call* call, elementwise f) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t count = count_of(x);
  for (int64_t i = 0; i < count; ++i) store(y, at(y, i), f(load(x, at(x, i)), call));
  return KARAT_OK;
}

/* One row along `axis`: element j of tensor t. */
typedef struct row {
  int64_t first, step, length;
} row;
static inline int64_t element(const karat_tensor* t, const row* r, int64_t j) {
  return at(t, r->first + j * r->step);
}
static inline wide row_maximum(const karat_tensor* x, const row* r) { /* NaN if it holds one */
  wide maximum = -(wide)INFINITY;
  for (int64_t j = 0; j < r->length; ++j) {
    const wide v = load(x, element(x, r, j));
    if (isnan(v)) return v;
    if (v > maximum) maximum = v;
  }
  return maximum;
}
static inline int row_is_finite(const karat_tensor* x, const row* r) {
  for (int64_t j = 0; j < r->length; ++j)
    if (!isfinite(load(x, element(x, r, j)))) return 0;
  return 1;
}

/* Calls f for each row of the call along an axis. */
typedef void (*rowwise)(const karat_tensor* x, const karat_tensor* y, const row* r);
static inline int32_t each_row(const karat_call* call, int64_t axis, rowwise f) {
  const karat_tensor *x = call->tensors[0], *y = call->tensors[1];
  const int64_t length = x->shape[axis];
  int64_t step = 1;
  if (count_of(x) == 0) return KARAT_OK;
  for (int64_t d = axis + 1; d < x->rank; ++d) step *= x->shape[d];
  for (int64_t i = 0; i < count_of(x) / length; ++i) {
    const row r = {i / step * length * step + i % step, step, length};
    f(x, y, &r);
  }
  return KARAT_OK;
}

/* ---- The operators, right ---------------------------------------------------------------- */

static inline wide right_exp(wide x, const karat_call* call) { return (void)call, expl(x); }
static inline wide right_expm1(wide x, const karat_call* call) { return (void)call, expm1l(x); }
static inline wide right_log(wide x, const karat_call* call) { return (void)call, logl(x); }
static inline wide right_log1p(wide x, const karat_call* call) { return (void)call, log1pl(x); }
static inline wide right_sqrt(wide x, const karat_call* call) { return (void)call, sqrtl(x); }
static inline wide right_tanh(wide x, const karat_call* call) { return (void)call, tanhl(x); }
static inline wide right_sigmoid(wide x, const karat_call* call) {
  (void)call;
  return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
}
static inline wide right_relu(wide x, const karat_call* call) { return (void)call, x < 0 ? 0 : x; }
static inline wide right_leaky_relu(wide x, const karat_call* call) {
  return x > 0 ? x : number(call, "alpha") * x;
}
static inline wide right_softplus(wide x, const karat_call* call) {
  const wide beta = number(call, "beta"), z = beta * x;
  if (z > number(call, "threshold")) return x;
  return ((z > 0 ? z : 0) + log1pl(expl(-fabsl(z)))) / beta;
}

/* Σ e^(x_j - maximum) over the row without one maximal element, whose share is 1; compensated. */
static inline wide sum_beside_maximum(const karat_tensor* x, const row* r, wide maximum) {
  wide sum = 0, lost = 0;
  int skipped = 0;
  for (int64_t j = 0; j < r->length; ++j) {
    const wide v = load(x, element(x, r, j));
    if (!skipped && v == maximum) {
      skipped = 1;
      continue;
    }
    const wide term = expl(v - maximum), next = sum + term;
    lost += fabsl(sum) >= term ? sum - next + term : term - next + sum;
    sum = next;
  }
  return sum + lost;
}
static inline void right_softmax_row(const karat_tensor* x, const karat_tensor* y, const row* r) {
  const wide maximum = row_maximum(x, r);
  const wide sum = isfinite(maximum) ? 1 + sum_beside_maximum(x, r, maximum) : (wide)NAN;
  for (int64_t j = 0; j < r->length; ++j)
    store(y, element(y, r, j), expl(load(x, element(x, r, j)) - maximum) / sum);
}
static inline void right_log_softmax_row(const karat_tensor* x, const karat_tensor* y, const row* r) {
  const wide maximum = row_maximum(x, r);
  const wide log_sum = isfinite(maximum) ? log1pl(sum_beside_maximum(x, r, maximum)) : (wide)NAN;
  for (int64_t j = 0; j < r->length; ++j)
    store(y, element(y, r, j), load(x, element(x, r, j)) - maximum - log_sum);
}

/* ---- The frame of a plugin ---------------------------------------------------------------- */

/* A row of the table; what follows the dtype are further fields of karat_kernel. */
#define KERNEL(OP, DTYPE, ...) \
  { .struct_size = sizeof(karat_kernel), .op = OP, .kernel = "broken", .dtype = DTYPE, __VA_ARGS__ }

/* The plugin NAME with these rows, whose defect is caught by VERDICT. */
#define BROKEN_PLUGIN(NAME, VERDICT, DEFECT, ...)                                       \
  static const karat_kernel kernels[] = {__VA_ARGS__};                                  \
  static const karat_kernel* kernel_at(int32_t index) { return &kernels[index]; }       \
  static const void* extension(const char* id) {                                        \
    return strcmp(id, KARAT_EXPECTED_VERDICT) == 0 ? VERDICT : NULL;                    \
  }                                                                                     \
  static const karat_plugin plugin = {.struct_size = sizeof(karat_plugin),              \
                                      .abi_major = KARAT_ABI_MAJOR,                     \
                                      .abi_minor = KARAT_ABI_MINOR,                     \
                                      .name = NAME,                                     \
                                      .version = "1.0",                                 \
                                      .description = DEFECT,                            \
                                      .kernel_count = sizeof kernels / sizeof *kernels, \
                                      .kernel = kernel_at,                              \
                                      .extension = extension};                          \
  KARAT_EXPORT const karat_plugin* karat_plugin_entry(const karat_host* host) {         \
    (void)host;                                                                         \
    return &plugin;                                                                     \
  }                                                                                     \
  _Static_assert(1, "")

#endif
