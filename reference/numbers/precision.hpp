// SPDX-License-Identifier: MIT
// The working precision of Real and Enclosure, in bits: a scope on this thread.
#pragma once

namespace karat {

class PrecisionScope {
 public:
  explicit PrecisionScope(int bits);
  ~PrecisionScope();
  PrecisionScope(const PrecisionScope&) = delete;
  PrecisionScope& operator=(const PrecisionScope&) = delete;

 private:
  int bits_;
  unsigned digits_;
};

// Bits of the innermost scope on this thread; 128 outside of any.
int working_precision();

// What a thread caches inside MPFR and FLINT is freed when this goes out of scope on it.
struct NumberCaches {
  ~NumberCaches();
};

}  // namespace karat
