// SPDX-License-Identifier: MIT
#include "reference/fast/certify.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "reference/numbers/hull.hpp"

namespace karat::fast {
namespace {

constexpr std::size_t block = 1024;
constexpr int quick_precision = 64;

// An exact value to about 2^-58: more than what is compared with it needs.
struct Exact {
  double high = 0, low = 0;
};

std::optional<Exact> doubled(const Enclosure& y, double floor, const Bounds& strict = {}) {
  if (!y.is_bounded()) return std::nullopt;
  const Parts p = parts(y);
  if (!std::isfinite(p.high)) {  // more than any format here but f64 holds: that is all that is compared
    if (!(lower_double(abs(y)) >= 0x1p1000)) return std::nullopt;
    return Exact{p.high > 0 ? 0x1p1000 : -0x1p1000, 0};
  }
  Exact e{p.high, p.low};
  int exponent = 0;
  // Beside a power of two the side counts, as long as an ulp is half as much there.
  const bool power = std::abs(p.high) > floor && std::abs(std::frexp(p.high, &exponent)) == 0.5 && p.radius > 0 && std::abs(p.low) <= p.radius;
  if (power || strict.above || strict.below) {
    double low = p.low - p.radius, high = p.low + p.radius;
    if (strict.above) low = std::max(low, lower_double(*strict.above - Enclosure(e.high)));
    if (strict.below) high = std::min(high, upper_double(*strict.below - Enclosure(e.high)));
    if (power && low < 0 && high > 0) return std::nullopt;
    if (!(high - low <= 0x1p-56 * std::max(std::abs(e.high), floor))) return std::nullopt;
    e.low = low + (high - low) / 2;
    return e;
  }
  if (!(2 * p.radius <= 0x1p-56 * std::max(std::abs(e.high), floor))) return std::nullopt;
  return e;
}

class Checker {
 public:
  Checker(Line& line, const Format& format, bool negative)
      : line_(line), format_(format), scale_(format), sign_(negative ? format.sign_mask() : 0), floor_(scale_.least_normal), sets_(instruction_sets()) {
    for (const std::string& set : sets_) comparers_.push_back(comparing(set));
  }

  Certificate result;

  void segment(const Segment& s) {
    result.inputs += s.to - s.from + 1;
    if (s.kind == Segment::Kind::undecided) {
      result.open += s.to - s.from + 1;
      result.pointwise += s.to - s.from + 1;
      return;
    }
    for (Bits from = s.from; from <= s.to; from += block) specials(s, from, std::min<Bits>(s.to, from + block - 1));
    if (s.kind == Segment::Kind::special || s.kind == Segment::Kind::specials) {
      result.special += s.to - s.from + 1;
      return;
    }
    if (s.kind == Segment::Kind::beyond || is_constant(s)) {
      if (!encloses(s)) pointwise(s, 1);
      else pointwise(s, tail_every);
      return;
    }
    pointwise(s, 1);
  }

 private:
  static bool is_constant(const Segment& s) {
    return s.slope == 0 && std::all_of(s.c.begin() + 1, s.c.end(), [](double c) { return c == 0; });
  }
  double number(Bits magnitude) const { return to_double(format_, magnitude | sign_); }
  void fail(Bits at, std::uint64_t count = 1) {
    if (result.wrong == 0) result.wrong_at = at | sign_;
    result.wrong += count;
  }

  // The row decides alone exactly where the segment says so, and as it says.
  void specials(const Segment& s, Bits from, Bits to) {
    std::vector<double> x;
    for (Bits m = from; m <= to; ++m) x.push_back(number(m));
    const std::vector<Specials> by_row = line_.specials_of(x);
    for (std::size_t i = 0; i < by_row.size(); ++i) {
      const bool as_said = s.kind == Segment::Kind::special    ? same(by_row[i], line_.specials()[s.special])
                           : s.kind == Segment::Kind::specials ? !by_row[i].empty()
                                                               : by_row[i].empty();
      if (!as_said) fail(from + i);
    }
  }

  // The formula over the whole range at once says the same.
  bool encloses(const Segment& s) {
    if (s.kind == Segment::Kind::beyond) return line_.monotone();
    const PrecisionScope scope(quick_precision);
    const auto holds = [&](const Enclosure& y, const Bounds& strict) {
      double low = lower_double(y), high = upper_double(y);
      if (strict.above) low = std::max(low, lower_double(*strict.above));
      if (strict.below) high = std::min(high, upper_double(*strict.below));
      return low >= s.hi + (s.c[0] - s.bound) && high <= s.hi + (s.c[0] + s.bound);
    };
    for (const bool literal : {true, false}) {
      try {
        const Line::Values v = line_.over(hull(Enclosure(number(s.from)), Enclosure(number(s.to))), literal);
        if (holds(v.y, v.strict)) return true;
      } catch (const Undecided&) {
      }
    }
    return false;
  }

  // Every `step`th input, and both ends.
  void pointwise(const Segment& s, Bits step) {
    std::vector<Bits> at;
    for (Bits m = s.from;; m = std::min(m + step, s.to)) {
      at.push_back(m);
      if (m == s.to || at.size() == block) {
        compare_at(s, at);
        at.clear();
      }
      if (m == s.to) break;
    }
    if (step > 1) {
      const Bits count = (s.to - s.from) / step + 1 + ((s.to - s.from) % step != 0);
      result.ranged += s.to - s.from + 1 - count;
    }
  }

  void compare_at(const Segment& s, const std::vector<Bits>& at) {
    result.pointwise += at.size();
    std::vector<double> x;
    for (const Bits m : at) x.push_back(number(m));
    if (s.kind == Segment::Kind::beyond) {
      for (std::size_t i = 0; i < at.size(); ++i) {
        const bool far = decide([&](int) -> std::optional<bool> {
                           const Enclosure y = line_.enclose({x[i]}, true)[0];
                           if (!y.is_bounded()) return std::nullopt;
                           return lower_double(s.hi > 0 ? y : -y) >= 0x1p1000;
                         }).value_or(false);
        if (!far) fail(at[i]);
      }
      return;
    }
    std::array<float, block + padding> inputs{}, got{};
    std::array<double, block + padding> ulps{};
    std::array<double, block> errors{};
    std::vector<Exact> exact(at.size());
    enclose(at, x, exact);
    for (std::size_t i = 0; i < at.size(); ++i) {
      inputs[i] = static_cast<float>(x[i]);
      // A result near the exact one: up to two and a half places off.
      const Bits nearest = round_nearest(format_, truncated(exact[i].high));
      const std::int64_t n = ordinal(format_, nearest) + static_cast<std::int64_t>(at[i] % 5) - 2;
      const std::int64_t top = ordinal(format_, format_.max_finite());
      got[i] = static_cast<float>(to_double(format_, from_ordinal(format_, std::clamp(n, -top, top))));
      errors[i] = error_of(exact[i], static_cast<double>(got[i]));
    }
    const Piece piece{.segment = &s, .inputs = inputs.data(), .got = got.data(), .count = at.size()};
    std::vector<bool> open(at.size());
    for (std::size_t set = 0; set < sets_.size(); ++set) {
      Comparison comparison;
      comparers_[set](scale_, piece, ulps.data(), comparison);
      Certificate::Deviation& worst = result.deviations[sets_[set]];
      for (std::size_t i = 0; i < at.size(); ++i) {
        if (std::isnan(ulps[i])) {
          open[i] = true;
          continue;
        }
        if (std::abs(exact[i].high) >= scale_.overflow) {
          if (ulps[i] != 0) fail(at[i]);
          continue;
        }
        const double deviation = std::abs(std::abs(ulps[i]) - errors[i]);
        if (!(deviation <= scale_.resolution)) fail(at[i]);
        if (deviation > worst.ulps) worst = {deviation, at[i] | sign_};
      }
    }
    result.open += static_cast<std::uint64_t>(std::count(open.begin(), open.end(), true));
  }

  void enclose(const std::vector<Bits>& at, const std::vector<double>& x, std::vector<Exact>& exact) {
    std::vector<std::size_t> rest;
    std::vector<bool> literal(at.size());
    for (std::size_t i = 0; i < at.size(); ++i) literal[i] = at[i] % literal_every == 0;
    {
      const PrecisionScope scope(quick_precision);
      std::optional<std::vector<Enclosure>> y;
      try {
        y = line_.enclose(x, false);
      } catch (const Undecided&) {  // one input by one, below
      }
      for (std::size_t i = 0; i < at.size(); ++i) {
        const auto e = y && !literal[i] ? doubled((*y)[i], floor_) : std::nullopt;
        if (e) exact[i] = *e;
        else rest.push_back(i);
      }
    }
    for (const std::size_t i : rest) {
      result.literal += 1;
      const auto e = decide([&](int) {
        const Line::Values v = line_.over(Enclosure(x[i]), true);
        return doubled(v.y, floor_, v.strict);
      });
      if (e) exact[i] = *e;
      else fail(at[i]);
    }
  }

  double error_of(const Exact& y, double got) const {
    // y is high + low: next to a power of two, the binade of the sum.
    double inside = y.high;
    if (y.low != 0 && (y.low < 0) == (y.high > 0)) inside = std::nextafter(inside, 0.0);
    const int binade = std::abs(inside) < floor_ ? format_.e_min : std::ilogb(inside);
    return std::ldexp(std::abs((got - y.high) - y.low), format_.fraction_bits() - binade);
  }

  Line& line_;
  const Format& format_;
  Scale scale_;
  Bits sign_;
  double floor_;
  std::vector<std::string> sets_;
  std::vector<Compare> comparers_;
};

}  // namespace

void Certificate::merge(const Certificate& other) {
  if (other.wrong > 0 && (wrong == 0 || other.wrong_at < wrong_at)) wrong_at = other.wrong_at;
  inputs += other.inputs;
  pointwise += other.pointwise;
  ranged += other.ranged;
  special += other.special;
  open += other.open;
  literal += other.literal;
  wrong += other.wrong;
  for (const auto& [set, deviation] : other.deviations) {
    Deviation& mine = deviations[set];
    if (deviation.ulps > mine.ulps || (deviation.ulps == mine.ulps && deviation.at < mine.at)) mine = deviation;
  }
}

Certificate certify(Line& line, const Format& format, bool negative, Bits from, Bits to) {
  Checker checker(line, format, negative);
  for (const Segment& segment : line.segments(negative, from, to)) checker.segment(segment);
  return checker.result;
}

}  // namespace karat::fast
