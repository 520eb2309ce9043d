// SPDX-License-Identifier: MIT
#include "reference/numbers/real.hpp"

#include <mpfr.h>

#include "reference/numbers/truncated_text.hpp"

namespace karat {
namespace {

Truncated truncated_mpfr(mpfr_srcptr x) {
  Truncated t;
  t.negative = mpfr_signbit(x) != 0;
  if (mpfr_nan_p(x)) {
    t.kind = Truncated::Kind::nan;
  } else if (mpfr_inf_p(x)) {
    t.kind = Truncated::Kind::infinite;
  } else if (!mpfr_zero_p(x)) {
    mpfr_t head;
    mpfr_init2(head, 64);
    t.more = mpfr_set(head, x, MPFR_RNDZ) != 0;
    mpz_t integer;
    mpz_init(integer);
    t.exponent = mpfr_get_z_2exp(integer, head);
    mpz_abs(integer, integer);
    // 64 bits fit one limb or two; export states the width.
    mpz_export(&t.significand, nullptr, -1, sizeof t.significand, 0, 0, integer);
    mpz_clear(integer);
    mpfr_clear(head);
  }
  return t;
}

}  // namespace

Truncated truncated(const Real& x) { return truncated_mpfr(x.backend().data()); }

std::optional<Truncated> truncated_text(const std::string& text, int base) {
  mpfr_t x;
  mpfr_init2(x, 64);
  char* end = nullptr;
  const int ternary = mpfr_strtofr(x, text.c_str(), &end, base, MPFR_RNDZ);
  std::optional<Truncated> t;
  if (end == text.c_str() + text.size() && mpfr_number_p(x)) {
    t = truncated_mpfr(x);
    t->more = ternary != 0 && !mpfr_zero_p(x);
  }
  mpfr_clear(x);
  return t;
}

}  // namespace karat
