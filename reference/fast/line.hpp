// SPDX-License-Identifier: MIT
// The fast tier: an elementwise operator as a function of one of its inputs, as polynomials that
// certainly hold over ranges of a format's numbers.  They are made of the operator's own formula
// and algorithms over power series (numbers/jet.hpp): no function is written twice, and a bound
// comes from Lagrange's remainder over the range, not from a measurement.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "reference/numbers/format.hpp"
#include "reference/operator.hpp"

namespace karat::fast {

inline constexpr int degree = 6;

// What is known of y(x) for the numbers of one sign whose magnitudes, as bits, lie in [from, to].
struct Segment {
  enum class Kind {
    polynomial,  // below
    beyond,      // |y| ≥ 2^1000, of the sign of `hi`: more than any format here but f64 holds
    special,     // the row lists what is right: Line::specials()[special]
    specials,    // the row lists what is right for each input, not the same for all
    undecided    // nothing: ask the enclosure, input by input
  } kind = Kind::undecided;
  Bits from = 0, to = 0;
  // y = hi + s, and s lies strictly within bound + slope·|d| of c₀ + c₁d + … + c₆d⁶ as Horner's rule
  // gives it in doubles, fused or not, with d = x − center in doubles.  All zero: y = hi exactly.
  double center = 0, hi = 0;
  std::array<double, degree + 1> c{};
  double bound = 0, slope = 0;
  double least = 0, most = 0;  // least ≤ |y| ≤ most over the segment
  std::size_t special = 0;
};

// A polynomial is within this of y: 2^-46 of |y|, or of the smallest normal number where |y| is less.
inline constexpr int promised_bits = 46;

// The same answers, bit for bit.
bool same(const Specials& a, const Specials& b);

class Line {
 public:
  // All inputs but number `variable` are fixed: `at` holds their values, one an input.  The operator
  // is elementwise and the format narrower than f64.
  Line(const Operator& op, const Attributes& attributes, const Format& format, std::size_t variable, std::vector<double> at);

  // Segments that cover the magnitudes from … to (0 < from, to finite), in that order.
  std::vector<Segment> segments(bool negative, Bits from, Bits to);
  // The same for any one bit pattern, ±0, ±∞ and NaN among them.
  Segment point(Bits input);
  // What the segments refer to.
  const std::vector<Specials>& specials() const { return specials_; }

  // The same function, for those who check the segments.
  struct Values {
    Enclosure y;
    Bounds strict;
  };
  // At each input; `literal`: by the formula as printed, otherwise by the row's first algorithm.  Throws Undecided.
  std::vector<Enclosure> enclose(const std::vector<double>& x, bool literal) const;
  Values over(const Enclosure& x, bool literal) const;  // at every number of a ball
  std::vector<Specials> specials_of(const std::vector<double>& x) const;
  bool monotone() const { return monotone_; }

 private:
  struct Range;
  template <class T>
  Tensors<T> inputs_of(std::vector<T> x) const;
  template <class T>
  Tensors<T> inputs_of(T x) const;
  const Evaluate<Enclosure>& enclosed(bool literal) const;
  Specials specials_at(double x) const;
  std::size_t listed(const Specials& specials);
  double value(bool negative, Bits magnitude) const;
  void cover(bool negative, Bits from, Bits to, std::vector<Segment>& out);
  enum class Row { silent, the_same, each_by_itself, here_and_there };
  Row row_over(bool negative, Bits from, Bits to) const;
  bool passes_the_origin(Segment& segment, const Range& range);
  bool fits(Segment& segment, const Range& range);
  bool beyond(Segment& segment, const Range& range) const;
  Segment single(double x) const;

  const Operator& op_;
  Attributes attributes_;
  const Format& format_;
  std::size_t variable_;
  std::vector<double> at_;
  bool monotone_;
  double floor_;                // the smallest normal number
  std::vector<Bits> marks_;     // inputs where the row may decide alone
  std::vector<Specials> specials_;
};

}  // namespace karat::fast
