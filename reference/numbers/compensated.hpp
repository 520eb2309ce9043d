// SPDX-License-Identifier: MIT
// Numbers to twice a double's digits that know how far off they are, and what the roundings of a
// careful kernel move them by: for sums of products over whole tensors, which neither a ball nor a
// tape could hold.  Products are exact and sums keep what each addition leaves over (T. Ogita,
// S. M. Rump, S. Oishi, "Accurate sum and dot product", SIAM J. Sci. Comput. 26, 2005); the bounds are
// of what was computed, not of what could have been.
//
//   Tensors<Compensated> y = op.compensated(inputs, attributes);
//   y[0].values[0]                 // |exact − (high + low)| ≤ error, unless unsure()
//   y[0].values[0].budget(...)     // what PriceTape::budget says, where no rounding reaches y by two ways
//
// Costs flow forwards, along every way by itself: where two ways cancel, the tape has less.  Whether
// an operator's have none is found by trying (fast/whole_tensor.hpp).
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference/numbers/format.hpp"

namespace karat {

class Compensated {
 public:
  Compensated() = default;
  Compensated(int constant) : Compensated(static_cast<double>(constant)) {}  // NOLINT: formulas write 1 + x
  explicit Compensated(double constant) : high(constant), flags_(is_constant | (std::abs(constant) <= largest ? 0 : is_unsure)) {}
  // Exactly `value`, for a kernel that computes in `compute` (f32 or f64: unsure otherwise).
  // `sequential`: its sums may take their terms one by one, however many.
  static Compensated input(double value, const Format& compute, bool sequential = false);

  double high = 0, low = 0;  // |low| ≤ ulp(high)/2
  double error = 0;
  double cost = 0;           // Σ |∂/∂v| |v| over the roundings behind it; an error of u · cost
  double own = 0;            // of that, its own last rounding, which is the reader's where results are stored as computed

  // The bounds do not hold: not finite, so large or small that something over- or underflows,
  // or made by a function that is not followed.
  bool unsure() const { return (flags_ & is_unsure) != 0 || !in_range(high); }
  // Something behind it is certainly rounded, in whatever order its sums are taken.
  bool rounds() const { return (flags_ & is_rounded) != 0 || (is_plain_product() && static_cast<double>(static_cast<float>(high)) != high); }
  bool constant() const { return (flags_ & is_constant) != 0; }

  friend Compensated operator+(const Compensated& x, const Compensated& y);
  friend Compensated operator-(const Compensated& x, const Compensated& y) { return x + -y; }
  friend Compensated operator-(const Compensated& x) {
    Compensated y = x;
    y.high = -x.high;
    y.low = -x.low;
    return y;
  }
  friend Compensated operator*(const Compensated& x, const Compensated& y) {
    // Of two short numbers as they came in: exact in a double.  There are a thousand million of these in a
    // convolution: what else they are is looked at where it is asked for.
    if ((x.flags_ & y.flags_ & is_short) != 0) {
      Compensated p;
      p.high = x.high * y.high;
      p.cost = p.own = std::abs(p.high);
      p.flags_ = ((x.flags_ | y.flags_) & is_inherited) | is_plain;
      return p;
    }
    return product(x, y);
  }
  friend Compensated operator/(const Compensated& x, const Compensated& y);
  friend Compensated sqrt(const Compensated& x);
  // Not followed.
  friend Compensated exp(const Compensated& x) { return unfollowed(std::exp(x.high)); }
  friend Compensated expm1(const Compensated& x) { return unfollowed(std::expm1(x.high)); }
  friend Compensated log(const Compensated& x) { return unfollowed(std::log(x.high)); }
  friend Compensated log1p(const Compensated& x) { return unfollowed(std::log1p(x.high)); }

  // Throw Undecided where the bounds do not say.
  friend bool operator<(const Compensated& x, const Compensated& y);
  friend bool operator>(const Compensated& x, const Compensated& y) { return y < x; }
  friend bool operator<=(const Compensated& x, const Compensated& y) { return !(y < x); }
  friend bool operator>=(const Compensated& x, const Compensated& y) { return !(x < y); }
  friend Compensated max(const Compensated& x, const Compensated& y) { return x < y ? y : x; }
  friend Compensated min(const Compensated& x, const Compensated& y) { return y < x ? y : x; }
  friend Compensated abs(const Compensated& x) { return x.high < 0 ? -x : x; }

  friend bool not_a_number(const Compensated& x) { return x.high != x.high; }
  friend bool is_exact_zero(const Compensated& x) { return x.constant() && x.high == 0; }
  explicit operator std::int64_t() const { return static_cast<std::int64_t>(high); }

 private:
  friend class CompensatedSum;
  enum Flags : std::uint8_t {
    is_constant = 1,     // made of no input
    is_derived = 2,      // a constant that was computed
    is_short = 4,        // an input of at most 24 bits: products of two are exact in a double
    is_wide = 8,         // f64 arithmetic
    is_sequential = 16,
    is_rounded = 32,
    is_unsure = 64,
    is_plain = 128,      // a product of two short inputs
    is_inherited = is_wide | is_sequential | is_rounded | is_unsure,
  };
  // Beyond these a product of two doubles could leave something over that no double holds, and a
  // number of f32 arithmetic could overflow, or cost what subnormals cost.
  static constexpr double largest = 0x1p120, least = 0x1p-120;
  static bool in_range(double v) { return (std::abs(v) >= least && std::abs(v) <= largest) || v == 0; }
  bool is_plain_product() const { return (flags_ & is_plain) != 0; }
  // What a result has of its operands.
  std::uint8_t passed_on() const { return static_cast<std::uint8_t>((flags_ & is_inherited) | (rounds() ? is_rounded : 0) | (flags_ & is_constant || in_range(high) ? 0 : is_unsure)); }

  static Compensated product(const Compensated& x, const Compensated& y);
  static Compensated unfollowed(double value) {
    Compensated y(value);
    y.flags_ = is_unsure;
    return y;
  }
  static Compensated scaled(const Compensated& x, double power_of_two);
  static Compensated derived(const Compensated& of);
  // With what a constant costs that was computed.
  Compensated priced(std::uint8_t wide) const;
  // Of a computed number: whether it certainly rounds.
  void settle();

  std::uint8_t flags_ = is_constant;
};

// A sum that grows term by term; terms are added up in vectors, a buffer at a time.
class CompensatedSum {
 public:
  void add(const Compensated& term) {
    if (!term.is_plain_product() && !add_rest(term)) return;
    flags_ |= term.flags_;
    ++count_;
    waiting_[here_] = term.high;
    if (++here_ == room) flush();
  }
  Compensated total() const;

 private:
  static constexpr std::size_t room = 32;
  void flush();
  // What a product of two inputs has not; false: the term is none.
  bool add_rest(const Compensated& term);

  std::array<double, room> waiting_;
  std::size_t here_ = 0, count_ = 0;
  double high_ = 0, low_ = 0, error_ = 0, absolute_ = 0;
  double cost_ = 0;  // of the terms, more than Σ|term|; their own sum is added in the end
  int quantum_ = 1023;  // exponent of the last bit set in any term, while that is still asked
  std::uint8_t flags_ = 0;
  bool varies_ = false;  // some term is no constant, or a product of inputs
  Compensated first_;    // if it is no product of inputs
};

Compensated sum(const std::vector<Compensated>& terms);

namespace compensated_detail {

// Σ of the terms: within 2^-53 · count · left of sum + rest.
struct Added {
  double sum = 0, rest = 0;      // rest: Σ of what the additions left over
  double absolute = 0, left = 0;  // Σ|term|, Σ|left over|
};
using AddUp = Added (*)(const double* terms, std::size_t count);
// For one of the build's instruction sets, by default the best that the processor has; nullptr if it has not this one.
AddUp adding_up(const std::string& instruction_set = "");

}  // namespace compensated_detail

}  // namespace karat
