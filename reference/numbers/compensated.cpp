// SPDX-License-Identifier: MIT
#include "reference/numbers/compensated.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "reference/numbers/compensated.cpp"
#include "hwy/foreach_target.h"
//
#include "hwy/highway.h"

#include <algorithm>
#include <bit>

#include "reference/numbers/enclosure.hpp"

HWY_BEFORE_NAMESPACE();
namespace karat::compensated_detail {
namespace HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

Added AddUpLanes(const double* HWY_RESTRICT terms, std::size_t count) {
  const hn::ScalableTag<double> d;
  using V = hn::Vec<decltype(d)>;
  V sum = hn::Zero(d), rest = sum, absolute = sum, left = sum;
  const auto add = [&](V term) HWY_ATTR {
    // D. Knuth's sum: what `s` leaves over is a double.
    const V s = hn::Add(sum, term), of_term = hn::Sub(s, sum);
    const V over = hn::Add(hn::Sub(sum, hn::Sub(s, of_term)), hn::Sub(term, of_term));
    sum = s;
    rest = hn::Add(rest, over);
    left = hn::Add(left, hn::Abs(over));
    absolute = hn::Add(absolute, hn::Abs(term));
  };
  const std::size_t n = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + n <= count; i += n) add(hn::LoadU(d, terms + i));
  if (i < count) add(hn::MaskedLoad(hn::FirstN(d, count - i), d, terms + i));
  HWY_ALIGN double lanes[4][HWY_MAX_BYTES / sizeof(double)];
  hn::Store(sum, d, lanes[0]);
  hn::Store(rest, d, lanes[1]);
  hn::Store(absolute, d, lanes[2]);
  hn::Store(left, d, lanes[3]);
  Added a;
  for (std::size_t k = 0; k < n; ++k) {
    const double term = lanes[0][k], s = a.sum + term, of_term = s - a.sum;
    const double over = (a.sum - (s - of_term)) + (term - of_term);
    a.sum = s;
    a.rest += lanes[1][k] + over;
    a.left += lanes[3][k] + std::abs(over);
    a.absolute += lanes[2][k];
  }
  return a;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::compensated_detail
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat {
namespace compensated_detail {

HWY_EXPORT(AddUpLanes);

AddUp adding_up(const std::string& instruction_set) {
  for (std::int64_t rest = hwy::SupportedTargets() & HWY_TARGETS; rest != 0; rest &= rest - 1)
    if (instruction_set.empty() || instruction_set == hwy::TargetName(rest & -rest)) {
      if constexpr ((HWY_TARGETS & (HWY_TARGETS - 1)) == 0) return HWY_DISPATCH_TABLE(AddUpLanes)[0];
      hwy::ChosenTarget chosen;
      chosen.Update(rest & -rest);
      return HWY_DISPATCH_TABLE(AddUpLanes)[chosen.GetIndex()];
    }
  return nullptr;
}

}  // namespace compensated_detail

namespace {

// More than the roundings of the bounds themselves: sums of up to 2^30 positive numbers.
constexpr double upwards = 1 + 0x1p-20;

struct Two {
  double sum, over;  // a + b, or a · b, exactly
};
Two two_sum(double a, double b) {
  const double s = a + b, of_b = s - a;
  return {s, (a - (s - of_b)) + (b - of_b)};
}
// T. J. Dekker's product: no fused multiplication is asked for.
Two two_product(double a, double b) {
  const auto split = [](double v) {
    const double c = 134217729 * v, high = c - (c - v);
    return Two{high, v - high};
  };
  const double p = a * b;
  const Two x = split(a), y = split(b);
  return {p, ((x.sum * y.sum - p) + x.sum * y.over + x.over * y.sum) + x.over * y.over};
}
bool is_float(double v) { return static_cast<double>(static_cast<float>(v)) == v; }
// The exponent of the last bit that is set; of 0 more than any number's.
int quantum_of(double v) {
  const auto bits = std::bit_cast<std::uint64_t>(v);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << 52) - 1), exponent = bits >> 52 & 2047;
  if (fraction == 0 && exponent == 0) return 1023;
  const std::uint64_t significand = exponent == 0 ? fraction : fraction | std::uint64_t{1} << 52;
  return static_cast<int>(exponent == 0 ? 1 : exponent) - 1075 + std::countr_zero(significand);
}
bool is_power_of_two(double v) {
  int exponent = 0;
  return std::isfinite(v) && v != 0 && std::abs(std::frexp(v, &exponent)) == 0.5;
}

}  // namespace

Compensated Compensated::input(double value, const Format& compute, bool sequential) {
  Compensated x;
  x.high = value;
  x.flags_ = static_cast<std::uint8_t>((compute.dtype == Dtype::f64 ? is_wide : 0) | (sequential ? is_sequential : 0));
  if (compute.dtype == Dtype::f32 && is_float(value)) x.flags_ |= is_short;
  if (!(std::abs(value) <= largest) || (compute.dtype != Dtype::f32 && compute.dtype != Dtype::f64)) x.flags_ |= is_unsure;
  return x;
}

void Compensated::settle() {
  if (low != 0 || ((flags_ & is_wide) == 0 && !is_float(high))) flags_ |= is_rounded;
}

Compensated Compensated::derived(const Compensated& of) {
  Compensated y = of;
  y.cost = y.own = 0;
  y.flags_ = static_cast<std::uint8_t>((of.flags_ & is_unsure) | is_constant | is_derived);
  return y;
}

Compensated Compensated::priced(std::uint8_t wide) const {
  if (!constant()) return *this;
  Compensated x = *this;
  const bool exact = (flags_ & is_derived) == 0 || high == 0 || ((wide & is_wide) == 0 && low == 0 && is_float(high));
  if (!exact) {
    x.cost = x.own = std::abs(high);
    x.flags_ |= is_rounded;
  }
  return x;
}

Compensated Compensated::scaled(const Compensated& x, double power_of_two) {
  Compensated y = x;
  const double size = std::abs(power_of_two);
  y.high *= power_of_two;
  y.low *= power_of_two;
  y.error *= size;
  y.cost *= size;
  y.own *= size;
  y.flags_ = static_cast<std::uint8_t>((y.flags_ & ~(is_short | is_plain)) | (x.rounds() ? is_rounded : 0));
  if (!in_range(x.high)) y.flags_ |= is_unsure;
  return y;
}

Compensated operator+(const Compensated& x, const Compensated& y) {
  using C = Compensated;
  if (x.constant() && x.high == 0 && !y.constant()) return y;
  if (y.constant() && y.high == 0 && !x.constant()) return x;
  const Compensated a = x.priced(y.flags_), b = y.priced(x.flags_);
  const Two s = two_sum(a.high, b.high);
  const double lows = a.low + b.low, over = s.over + lows;
  const Two z = two_sum(s.sum, over);
  Compensated r;
  r.high = z.sum;
  r.low = z.over;
  r.error = a.error + b.error;
  if (a.low != 0 || b.low != 0) r.error += 0x1p-52 * (std::abs(lows) + std::abs(over));
  r.error *= upwards;
  r.own = std::abs(r.high);
  r.cost = a.cost + b.cost + r.own;
  r.flags_ = static_cast<std::uint8_t>(a.passed_on() | b.passed_on());
  r.settle();
  return x.constant() && y.constant() ? C::derived(r) : r;
}

Compensated Compensated::product(const Compensated& x, const Compensated& y) {
  if (!(x.constant() && y.constant())) {
    if (x.constant() && is_power_of_two(x.high) && x.low == 0) return scaled(y, x.high);
    if (y.constant() && is_power_of_two(y.high) && y.low == 0) return scaled(x, y.high);
    if ((x.constant() && x.high == 0) || (y.constant() && y.high == 0)) return Compensated(x.high * y.high);
  }
  const Compensated a = x.priced(y.flags_), b = y.priced(x.flags_);
  const Two p = two_product(a.high, b.high);
  const double over = p.over + (a.high * b.low + a.low * b.high);
  const Two z = two_sum(p.sum, over);
  const double size = std::abs(z.sum);
  Compensated r;
  r.high = z.sum;
  r.low = z.over;
  r.error = std::abs(a.high) * b.error + std::abs(b.high) * a.error + a.error * b.error;
  if (a.low != 0 || b.low != 0) r.error += 0x1p-100 * size;
  r.error *= upwards;
  r.own = size;
  r.cost = std::abs(a.high) * b.cost + std::abs(b.high) * a.cost + size;
  r.flags_ = static_cast<std::uint8_t>(a.passed_on() | b.passed_on());
  r.settle();
  return x.constant() && y.constant() ? derived(r) : r;
}

Compensated operator/(const Compensated& x, const Compensated& y) {
  using C = Compensated;
  if (!x.constant() && y.constant() && is_power_of_two(y.high) && y.low == 0) return C::scaled(x, 1 / y.high);
  const Compensated a = x.priced(y.flags_), b = y.priced(x.flags_);
  const double first = a.high / b.high;
  const Two back = two_product(first, b.high);
  const double remainder = ((a.high - back.sum) - back.over) + a.low - first * b.low;
  const Two z = two_sum(first, remainder / b.high);
  const double size = std::abs(z.sum), below = std::abs(b.high);
  Compensated r;
  r.high = z.sum;
  r.low = z.over;
  r.error = ((a.error + size * b.error) / (below - 2 * b.error) + 0x1p-98 * size) * upwards;
  r.own = size;
  r.cost = a.cost / below + size / below * b.cost + size;
  r.flags_ = static_cast<std::uint8_t>(a.passed_on() | b.passed_on() | C::is_rounded);  // the tape asks no further
  if (!(b.error < below / 4)) r.flags_ |= C::is_unsure;  // 0 among them
  return x.constant() && y.constant() ? C::derived(r) : r;
}

Compensated sqrt(const Compensated& x) {
  using C = Compensated;
  const double root = std::sqrt(x.high);
  const Two back = two_product(root, root);
  const double remainder = ((x.high - back.sum) - back.over) + x.low;
  const Two z = two_sum(root, remainder / (2 * root));
  Compensated r;
  r.high = z.sum;
  r.low = z.over;
  r.error = (x.error / root + 0x1p-98 * root) * upwards;
  r.own = root;
  r.cost = x.cost / (2 * root) + root;
  r.flags_ = static_cast<std::uint8_t>(x.passed_on() | C::is_rounded);
  if (!(x.error < x.high / 4)) r.flags_ |= C::is_unsure;
  return x.constant() ? C::derived(r) : r;
}

bool operator<(const Compensated& x, const Compensated& y) {
  if (x.unsure() || y.unsure()) throw Undecided{};
  const Two high = two_sum(x.high, -y.high), low = two_sum(x.low, -y.low);
  const double off = high.sum + (high.over + (low.sum + low.over));
  const double doubt = x.error + y.error + 0x1p-50 * (std::abs(high.over) + std::abs(low.sum));
  if (x.error == 0 && y.error == 0 && x.low == 0 && y.low == 0) return x.high < y.high;
  if (!(std::abs(off) > doubt)) throw Undecided{};
  return off < 0;
}

bool CompensatedSum::add_rest(const Compensated& term) {
  if (term.constant() && term.high == 0) return false;
  if (count_ == 0) first_ = term;
  double cost = term.cost;
  if (term.constant()) {
    const Compensated priced = term.priced(flags_);
    cost = priced.cost;
    flags_ |= priced.flags_;
  } else {
    varies_ = true;
  }
  cost_ += cost - std::abs(term.high);
  if (term.low != 0) {
    low_ += term.low;
    error_ += 0x1p-53 * std::abs(low_);
  }
  error_ += term.error;
  if (!Compensated::in_range(term.high) && !term.constant() && (term.flags_ & Compensated::is_short) == 0) flags_ |= Compensated::is_unsure;
  return true;
}

void CompensatedSum::flush() {
  static const compensated_detail::AddUp add_up = compensated_detail::adding_up();
  const compensated_detail::Added a = add_up(waiting_.data(), here_);
  absolute_ += a.absolute;
  const Two s = two_sum(high_, a.sum);
  high_ = s.sum;
  error_ += 0x1p-53 * static_cast<double>(room + 8) * a.left;
  for (const double over : {a.rest, s.over}) {
    if (over == 0) continue;
    const bool first = low_ == 0;
    low_ += over;
    if (!first) error_ += 0x1p-53 * std::abs(low_);
  }
  if ((flags_ & Compensated::is_rounded) == 0) {
    // Exact in every order only if all terms are numbers of the format, and multiples of a quantum that its
    // precision below Σ|term| still shows.
    const bool wide = (flags_ & Compensated::is_wide) != 0;
    for (std::size_t i = 0; i < here_; ++i) {
      quantum_ = std::min(quantum_, quantum_of(waiting_[i]));
      if (!wide && !is_float(waiting_[i])) flags_ |= Compensated::is_rounded;
    }
    if (absolute_ > std::ldexp(1.0, quantum_ + (wide ? 53 : 24))) flags_ |= Compensated::is_rounded;
  }
  here_ = 0;
}

Compensated CompensatedSum::total() const {
  if (count_ == 0) return {};
  const bool varies = varies_ || (flags_ & Compensated::is_plain) != 0;
  if (count_ == 1 && (flags_ & Compensated::is_plain) == 0) return first_;
  if (count_ == 1) {
    Compensated p;
    p.high = waiting_[0];
    p.cost = p.own = std::abs(p.high);
    p.flags_ = flags_;
    return p;
  }
  CompensatedSum all = *this;
  all.flush();
  const Two z = two_sum(all.high_, all.low_);
  Compensated y;
  y.high = z.sum;
  y.low = z.over;
  y.error = all.error_ * upwards;
  y.flags_ = static_cast<std::uint8_t>(all.flags_ & Compensated::is_inherited);
  const double terms = static_cast<double>(count_);
  const bool few = count_ <= 128 || (flags_ & Compensated::is_sequential) != 0;
  const double roundings = few ? terms - 1 : 127 + std::ceil(std::log2(terms / 128));
  y.cost = std::max(0.0, all.absolute_ + all.cost_) + roundings * all.absolute_;
  y.own = all.absolute_;
  if (!Compensated::in_range(all.absolute_)) y.flags_ |= Compensated::is_unsure;
  return varies ? y : Compensated::derived(y);
}

Compensated sum(const std::vector<Compensated>& terms) {
  CompensatedSum s;
  for (const Compensated& t : terms) s.add(t);
  return s.total();
}

}  // namespace karat
#endif
