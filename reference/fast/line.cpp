// SPDX-License-Identifier: MIT
#include "reference/fast/line.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "reference/numbers/hull.hpp"

namespace karat::fast {
namespace {

constexpr double unit = 0x1p-53;             // relative error of one rounding to double
constexpr double promise = 0x1p-46;          // 2^-promised_bits
constexpr int range_precision = 64;          // of remainders: a few bits would do
constexpr int first_center_precision = 128;  // of coefficients

bool same(double a, double b) { return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b); }
Enclosure magnitude(const Enclosure& x) { return Enclosure(std::max(std::abs(upper_double(x)), std::abs(lower_double(x)))); }

// y lies strictly between low and high: as a constant, if that is narrow enough.
bool constant(Segment& segment, double low, double high, double floor) {
  const double least = low > 0 ? low : high < 0 ? -high : 0;
  const double width = high - low;
  if (!(width <= 2 * promise * std::max(least, floor))) return false;
  const bool from_high = std::abs(high) >= std::abs(low);
  if (!(from_high ? high - width == low : low + width == high)) return false;
  segment.kind = Segment::Kind::polynomial;
  segment.hi = from_high ? high : low;
  segment.c = {};
  segment.c[0] = from_high ? -width / 2 : width / 2;
  segment.bound = width / 2;
  segment.slope = 0;
  segment.least = least;
  segment.most = std::max(std::abs(low), std::abs(high));
  return 2 * segment.bound == width;
}

// The same from an enclosure and the row's strict bounds.
bool constant(Segment& segment, const Enclosure& y, const Bounds& strict, double floor) {
  if (!y.is_bounded()) return false;
  if (y.is_exact() && same(y.midpoint(), lower_double(y)) && same(y.midpoint(), upper_double(y))) {
    segment.kind = Segment::Kind::polynomial;
    segment.hi = y.midpoint();
    segment.c = {};
    segment.bound = segment.slope = 0;
    segment.least = segment.most = std::abs(segment.hi);
    return true;
  }
  double low = lower_double(y), high = upper_double(y);
  if (strict.above && strict.above->is_bounded()) low = std::max(low, lower_double(*strict.above));
  if (strict.below && strict.below->is_bounded()) high = std::min(high, upper_double(*strict.below));
  // Its half must be a double as well.
  if (low >= 0 && high < 0x1p-1000) high = 0x1p-1000;
  if (high <= 0 && low > -0x1p-1000) low = -0x1p-1000;
  return low < high && constant(segment, low, high, floor);
}

}  // namespace

bool same(const Specials& a, const Specials& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Special& x, const Special& y) {
    return same(x.value, y.value) && x.policy == y.policy && x.unjudged == y.unjudged;
  });
}

struct Line::Range {
  double from, to;  // as numbers, in the order of the magnitudes
};

Line::Line(const Operator& op, const Attributes& attributes, const Format& format, std::size_t variable, std::vector<double> at)
    : op_(op), attributes_(attributes), format_(format), variable_(variable), at_(std::move(at)),
      monotone_(std::find(op.laws.begin(), op.laws.end(), "monotone") != op.laws.end()),
      floor_(std::ldexp(1.0, format.e_min)) {
  // Rows decide alone at numbers that people write down.  `karat certify` looks at every input.
  std::vector<double> numbers = op.inputs[variable].directed;
  for (int n = 1; n <= 64; ++n) numbers.insert(numbers.end(), {n * 0.5, n * 0.25});
  for (int e = format.quantum(); e <= format.e_max; ++e) numbers.push_back(std::ldexp(1.0, e));
  for (const double other : at_) numbers.push_back(other);
  for (const auto& [name, attribute] : attributes.values)
    if (const double* number = std::get_if<double>(&attribute)) numbers.push_back(*number);
  for (const double number : numbers)
    for (const double signed_number : {number, -number})
      if (const auto bits = exact_bits(format, signed_number); bits && is_finite(format, *bits) && !is_zero(format, *bits))
        marks_.push_back(*bits);
  std::sort(marks_.begin(), marks_.end());
  marks_.erase(std::unique(marks_.begin(), marks_.end()), marks_.end());
}

template <class T>
Tensors<T> Line::inputs_of(std::vector<T> x) const {
  Tensors<T> inputs;
  const std::size_t n = x.size();
  for (std::size_t t = 0; t < at_.size(); ++t)
    inputs.emplace_back(Shape{static_cast<std::int64_t>(n)}, t == variable_ ? std::move(x) : std::vector<T>(n, T(at_[t])));
  return inputs;
}
template <class T>
Tensors<T> Line::inputs_of(T x) const {
  std::vector<T> one;
  one.push_back(std::move(x));
  return inputs_of(std::move(one));
}

const Evaluate<Enclosure>& Line::enclosed(bool literal) const {
  return literal || op_.enclosed_algorithms.empty() ? op_.enclose : op_.enclosed_algorithms[0];
}
std::vector<Enclosure> Line::enclose(const std::vector<double>& x, bool literal) const {
  std::vector<Enclosure> exact;
  exact.reserve(x.size());
  for (const double v : x) exact.emplace_back(v);
  return std::move(enclosed(literal)(inputs_of(std::move(exact)), attributes_)[0].values);
}
Line::Values Line::over(const Enclosure& x, bool literal) const {
  Values v{std::move(enclosed(literal)(inputs_of(Enclosure(x)), attributes_)[0].values[0]), {}};
  if (op_.bounds) v.strict = op_.bounds(inputs_of(Enclosure(x)), attributes_)[0];
  return v;
}
std::vector<Specials> Line::specials_of(const std::vector<double>& x) const { return op_.specials(inputs_of(std::vector<double>(x)), attributes_); }

Specials Line::specials_at(double x) const { return specials_of({x})[0]; }

std::size_t Line::listed(const Specials& specials) {
  for (std::size_t i = 0; i < specials_.size(); ++i)
    if (same(specials_[i], specials)) return i;
  specials_.push_back(specials);
  return specials_.size() - 1;
}

double Line::value(bool negative, Bits magnitude) const {
  return to_double(format_, magnitude | (negative ? format_.sign_mask() : 0));
}

std::vector<Segment> Line::segments(bool negative, Bits from, Bits to) {
  std::vector<Segment> out;
  const Bits sign = negative ? format_.sign_mask() : 0;
  for (const Bits mark : marks_) {
    if ((mark & format_.sign_mask()) != sign) continue;
    const Bits m = karat::magnitude(format_, mark);
    if (m < from || m > to) continue;
    const Specials here = specials_at(value(negative, m));
    if (here.empty()) continue;
    const auto as_here = [&](Bits other) { return other == 0 || other > format_.max_finite() || same(here, specials_at(value(negative, other))); };
    if (as_here(m - 1) && as_here(m + 1)) continue;  // inside a range of such inputs
    if (from < m) cover(negative, from, m - 1, out);
    cover(negative, m, m, out);
    from = m + 1;
  }
  if (from <= to) cover(negative, from, to, out);
  return out;
}

void Line::cover(bool negative, Bits from, Bits to, std::vector<Segment>& out) {
  Segment segment{.from = from, .to = to};
  if (from == to) {
    segment = point(from | (negative ? format_.sign_mask() : 0));
    segment.from = segment.to = from;
    out.push_back(segment);
    return;
  }
  const Range range{value(negative, from), value(negative, to)};
  bool covered = false;
  switch (row_over(negative, from, to)) {
    case Row::the_same:
      segment.kind = Segment::Kind::special;
      segment.special = listed(specials_at(range.from));
      covered = true;
      break;
    case Row::each_by_itself:  // a mask at NaN gives α·dy: whatever the formula gives there, the row decides
      segment.kind = Segment::Kind::specials;
      covered = true;
      break;
    case Row::here_and_there:
      break;
    case Row::silent:
      covered = passes_the_origin(segment, range) || fits(segment, range) || beyond(segment, range);
      break;
  }
  if (covered) {
    out.push_back(segment);
    return;
  }
  const Bits middle = from + (to - from) / 2;
  cover(negative, from, middle, out);
  cover(negative, middle + 1, to, out);
}

// What the row says of a range, by what it says at both ends and between.
Line::Row Line::row_over(bool negative, Bits from, Bits to) const {
  std::vector<double> x;
  for (Bits step = 0; step <= 16; ++step) x.push_back(value(negative, from + (to - from) / 16 * step + (step == 16 ? (to - from) % 16 : 0)));
  const std::vector<Specials> said = specials_of(x);
  const auto silent = std::count_if(said.begin(), said.end(), [](const Specials& s) { return s.empty(); });
  if (silent == static_cast<std::ptrdiff_t>(said.size())) return Row::silent;
  if (silent > 0) return Row::here_and_there;
  return std::all_of(said.begin(), said.end(), [&](const Specials& s) { return same(s, said[0]); }) ? Row::the_same : Row::each_by_itself;
}

// y = c₁x + c₂x² + …: every digit of a small x counts, over any number of binades.
bool Line::passes_the_origin(Segment& segment, const Range& range) {
  if (std::abs(range.to) < 2 * std::abs(range.from)) return false;
  for (const Evaluate<Series>& series : op_.series) {
    try {
      const Enclosure distance(std::abs(range.to));
      const PrecisionScope scope(first_center_precision);
      const Series at = series(inputs_of(Series::variable(Enclosure(0))), attributes_)[0].values[0];
      if (!is_exact_zero(at[0])) continue;
      const Series over = series(inputs_of(Series::variable(hull(Enclosure(0), Enclosure(range.to)))), attributes_)[0].values[0];
      segment.center = segment.hi = segment.c[0] = 0;
      Enclosure slope = magnitude(over[degree + 1]), bend(0);
      for (int k = degree; k >= 1; --k) {
        const Enclosure& c = at[static_cast<std::size_t>(k)];
        const double rounded = segment.c[static_cast<std::size_t>(k)] = c.midpoint();
        slope = slope * distance + magnitude(c - Enclosure(rounded)) + magnitude(c) * Enclosure((3 * k + 4) * unit);
        if (k > 1) bend = (bend + magnitude(c)) * distance;
      }
      segment.slope = upper_double(slope) * (1 + 8 * unit);
      segment.bound = 0x1p-1060;
      if (!(segment.slope <= promise * lower_double(abs(at[1]) - bend))) continue;
      segment.least = 0;
      segment.most = upper_double((magnitude(at[1]) + bend + Enclosure(segment.slope)) * distance);
      segment.kind = Segment::Kind::polynomial;
      return true;
    } catch (const Undecided&) {
    }
  }
  return false;
}

bool Line::fits(Segment& segment, const Range& range) {
  const double low = std::min(range.from, range.to), high = std::max(range.from, range.to);
  segment.center = low + (high - low) / 2;
  for (const Evaluate<Series>& series : op_.series) {
    try {
      Series over;
      Bounds strict;
      {
        const PrecisionScope scope(range_precision);
        const Enclosure x = hull(Enclosure(low), Enclosure(high));
        over = series(inputs_of(Series::variable(x)), attributes_)[0].values[0];
        if (op_.bounds) strict = op_.bounds(inputs_of(Enclosure(x)), attributes_)[0];
      }
      if (constant(segment, over[0], strict, floor_)) return true;
      bool bounded = true;
      for (std::size_t k = 0; k <= degree + 1; ++k) bounded = bounded && over[k].is_bounded();
      if (!bounded) continue;

      const PrecisionScope scope(first_center_precision);
      const Enclosure center(segment.center);
      // |d| of every input, and of the difference that is rounded.
      const Enclosure reach = (hull(Enclosure(high) - center, center - Enclosure(low))) * Enclosure(1 + 4 * unit);
      const Enclosure distance(upper_double(reach));
      const Series at = series(inputs_of(Series::variable(center)), attributes_)[0].values[0];
      segment.hi = at[0].midpoint();
      if (!std::isfinite(segment.hi)) continue;
      const Enclosure residual = at[0] - Enclosure(segment.hi);
      Enclosure slope = magnitude(over[degree + 1]), moved(0), least = abs(at[0]);
      for (int k = degree; k >= 1; --k) {
        const Enclosure& c = at[static_cast<std::size_t>(k)];
        const double rounded = segment.c[static_cast<std::size_t>(k)] = c.midpoint();
        // Rounding of c, of its 2(k + 1) operations and of d, k times.
        slope = slope * distance + magnitude(c - Enclosure(rounded)) + magnitude(c) * Enclosure((3 * k + 4) * unit);
        moved = moved * distance + magnitude(c);
      }
      segment.c[0] = residual.midpoint();
      segment.slope = upper_double(slope) * (1 + 8 * unit);
      // A denormal double's rounding is absolute: 2^-1074 each.
      segment.bound = upper_double(magnitude(residual - Enclosure(segment.c[0])) + magnitude(residual) * Enclosure(4 * unit)) + 0x1p-1060;
      const double error = upper_double(Enclosure(segment.bound) + Enclosure(segment.slope) * distance);
      least = least - moved * distance - Enclosure(error);
      if (!(error <= promise * std::max(lower_double(least), floor_))) continue;
      segment.least = std::max(0.0, lower_double(least));
      segment.most = upper_double(abs(at[0]) + moved * distance + Enclosure(error));
      segment.kind = Segment::Kind::polynomial;
      return true;
    } catch (const Undecided&) {  // not one branch over the whole range
    }
  }
  return false;
}

// A monotone function is beyond between two inputs where it is.
bool Line::beyond(Segment& segment, const Range& range) const {
  if (!monotone_) return false;
  const Segment low = single(range.from), high = single(range.to);
  if (low.kind != Segment::Kind::beyond || high.kind != Segment::Kind::beyond || low.hi * high.hi < 0) return false;
  segment.kind = Segment::Kind::beyond;
  segment.hi = low.hi;
  segment.least = low.least;
  segment.most = low.most;
  return true;
}

Segment Line::point(Bits input) {
  const double x = to_double(format_, input);
  if (const Specials here = specials_at(x); !here.empty()) {
    Segment segment{.kind = Segment::Kind::special, .from = karat::magnitude(format_, input), .to = karat::magnitude(format_, input)};
    segment.special = listed(here);
    return segment;
  }
  Segment segment = single(x);
  segment.from = segment.to = karat::magnitude(format_, input);
  return segment;
}

// One input, by the enclosure at whatever precision it needs.
Segment Line::single(double x) const {
  const auto found = decide([&](int) -> std::optional<Segment> {
    const Enclosure exact_x(x);
    const Enclosure y = op_.enclose(inputs_of(Enclosure(exact_x)), attributes_)[0].values[0];
    Bounds strict;
    if (op_.bounds) strict = op_.bounds(inputs_of(Enclosure(exact_x)), attributes_)[0];
    Segment segment{.center = x};
    if (constant(segment, y, strict, floor_)) return segment;
    if (!y.is_bounded()) return std::nullopt;
    if (lower_double(abs(y)) >= 0x1p1000) {
      segment.kind = Segment::Kind::beyond;
      segment.hi = y > 0 ? HUGE_VAL : -HUGE_VAL;
      segment.least = 0x1p1000;
      segment.most = HUGE_VAL;
      return segment;
    }
    segment.hi = y.midpoint();
    const Enclosure residual = y - Enclosure(segment.hi);
    segment.c[0] = residual.midpoint();
    segment.bound = upper_double(magnitude(residual - Enclosure(segment.c[0]))) * (1 + 4 * unit);
    if (!(segment.bound <= promise * std::max(lower_double(abs(y)), floor_))) return std::nullopt;
    segment.least = lower_double(abs(y));
    segment.most = upper_double(abs(y));
    segment.bound = std::max(segment.bound, 0x1p-1060);  // no exact answer: `constant` would have had it
    segment.kind = Segment::Kind::polynomial;
    return segment;
  });
  return found.value_or(Segment{});
}

}  // namespace karat::fast
