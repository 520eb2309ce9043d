// SPDX-License-Identifier: MIT
#include "properties/sweep/chunk.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>

#include "properties/acceptance.hpp"
#include "reference/fast/compare.hpp"
#include "reference/fast/line.hpp"

namespace karat::properties {
namespace {

constexpr std::size_t block = 1024;
constexpr double none = std::numeric_limits<double>::infinity();

// What every result must keep, whatever its input: what the comparison in vectors can refuse.
struct Demand {
  bool correctly_rounded = false, zero_sign = false, budget = false;
  double limit = none;      // ulps
  bool neighbours = false;  // one of the two neighbours: less than one ulp, and in a binade of y
};

Demand demand_of(const Level& level) {
  Demand d;
  for (const Level* l = &level; l; l = l->also.get()) {
    switch (l->rule) {
      case Level::Rule::exact:
        d.correctly_rounded = d.zero_sign = true;
        break;
      case Level::Rule::faithful:
        d.neighbours = true;
        d.limit = std::min(d.limit, 1.0);
        break;
      case Level::Rule::max_ulp:
        d.limit = std::min(d.limit, l->ulps);
        break;
      case Level::Rule::published:
      case Level::Rule::stable:
      case Level::Rule::permissive:
        d.budget = true;
        break;
    }
    if (l->profile && l->profile->refuses("sign_of_zero")) d.zero_sign = true;
  }
  return d;
}

}  // namespace

struct ChunkJudge::State {
  const SweepPlan& plan;
  Level level;
  Demand demand;
  const Format& format;
  fast::Scale scale;
  fast::Compare compare = fast::comparing();
  bool monotone;
  std::vector<float> floats;  // of 16-bit formats: every bit pattern

  // Of the chunk that is judged.
  Partial partial;
  std::uint64_t chunk = 0, begin = 0;
  std::span<const std::byte> got;
  std::array<double, block + fast::padding> ulps{};
  std::array<float, block + fast::padding> y{};
  // Results that are no numbers are alike as long as input segment and bits are.
  struct Memory {
    std::uint64_t segment = 0;
    Bits got = 0;
    Judgement judgement;
  };
  std::optional<Memory> memory;
  std::uint64_t segments = 0;
  std::array<Worst, 2> largest;  // by the size of y
  bool saw_nan = false;
  bool line_of_nan = false;
  std::vector<std::optional<std::pair<Bits, Judgement>>> beside_nan;  // of lines of NaNs, by the other operand

  State(const SweepPlan& p, const Level& l)
      : plan(p), level(l), demand(demand_of(l)), format(*p.format), scale(format),
        monotone(p.lines() == 1 && std::find(p.op->laws.begin(), p.op->laws.end(), "monotone") != p.op->laws.end()) {
    if (format.width == 16)
      for (Bits b = 0; b < 65536 + fast::padding; ++b) floats.push_back(b < 65536 ? static_cast<float>(to_double(format, b)) : 0);
  }

  Bits got_at(std::uint64_t position) const {
    if (format.width == 32) return reinterpret_cast<const std::uint32_t*>(got.data())[position - begin];
    return reinterpret_cast<const std::uint16_t*>(got.data())[position - begin];
  }

  Judgement judge_alone(std::uint64_t position, Bits result) const {
    const Unit unit{plan.question_at(position), {0}};
    return judge_unit(unit, std::span(&result, 1), level)[0];
  }
  Judgement escalate(std::uint64_t position, Bits result) {
    ++partial.escalated;
    return judge_alone(position, result);
  }
  // What a judgement of a result that is no number depends on.
  Bits class_of(Bits result) const { return is_nan(format, result) ? format.quiet_nan() : result; }

  Errors& errors_at(Bits pattern) {
    return partial.by_binade[static_cast<std::uint32_t>((is_negative(format, pattern) ? 32768 : 0) | (magnitude(format, pattern) >> format.fraction_bits()))];
  }

  void offend(Kind kind, std::uint64_t from, std::uint64_t to, Bits result, const Worst& worst = {}) { offend(partial.offences[kind], from, to, result, worst); }
  void offend(Offences& offences, std::uint64_t from, std::uint64_t to, Bits result, const Worst& worst = {}) {
    offences.count += to - from + 1;
    offences.worst.take(worst);
    auto& runs = offences.runs[chunk];
    if (!runs.empty() && runs.back().to + 1 == from) runs.back().to = to;
    else if (runs.size() < kept_ranges) runs.push_back({from, to, result});
    else offences.cut = true;
  }

  // An input by itself, of which the enclosure tells the result.
  // `small`: y is subnormal, as far as that is known.
  void add(std::uint64_t position, Bits result, const Judgement& j, bool small) {
    if (j.error) {
      ++partial.errors;
      return;
    }
    partial.undecided += j.undecided;
    if (j.policy) ++partial.policies[j.policy];
    partial.other_zero += j.other_zero;
    if (std::isnan(j.ulps)) {
      if (!j.ok) offend(j.kind, position, position, result);
      return;
    }
    ++partial.finite;
    partial.rounded += j.rounded;
    const Bits pattern = plan.pattern_of(position);
    const Worst worst{j.ulps, position, result};
    for (Errors* e : {&partial.all, &errors_at(pattern)}) {
      ++e->bins[error_bin(j.rounded ? 0 : j.ulps)];
      e->worst.take(worst);
    }
    partial.worst[2 * is_negative(format, pattern) + small].take(worst);
    if (!j.ok) offend(j.kind, position, position, result, worst);
  }

  // Inputs of which the row tells the result: results of one class are judged once.
  void by_row(std::uint64_t from, std::uint64_t to) {
    std::map<Bits, Judgement> judged;
    for (std::uint64_t p = from; p <= to;) {
      const Bits result = got_at(p);
      std::uint64_t end = p + 1;
      while (end <= to && got_at(end) == result) ++end;
      auto known = judged.find(class_of(result));
      if (known == judged.end()) {
        if (judged.size() > 1000) judged.clear();
        known = judged.emplace(class_of(result), judge_alone(p, result)).first;
      }
      said(p, end - 1, result, known->second);
      p = end;
    }
  }
  void said(std::uint64_t from, std::uint64_t to, Bits result, const Judgement& j) {
    saw_nan = saw_nan || is_nan(format, result);
    partial.special += to - from + 1;
    if (j.error) partial.errors += to - from + 1;
    else if (!j.ok) offend(j.kind, from, to, result);
    else if (j.policy) partial.policies[j.policy] += to - from + 1;
  }
  // The same where each input has a result of its own.  Along lines of NaNs the row says the same of each:
  // there are 2^11 of them in f16, and most kernels give the same on all.
  void each_by_row(std::uint64_t from, std::uint64_t to) {
    if (!line_of_nan) {
      for (std::uint64_t p = from; p <= to; ++p) by_row(p, p);
      return;
    }
    beside_nan.resize(std::size_t{1} << format.width);
    for (std::uint64_t p = from; p <= to; ++p) {
      const Bits result = got_at(p);
      auto& known = beside_nan[plan.pattern_of(p)];
      if (!known || known->first != class_of(result)) known.emplace(class_of(result), judge_alone(p, result));
      said(p, p, result, known->second);
    }
  }

  bool looks_small(Bits result) const { return is_zero(format, result) || is_subnormal(format, result); }

  void one_by_one(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t p = from; p <= to; ++p) {
      saw_nan = saw_nan || is_nan(format, got_at(p));
      add(p, got_at(p), escalate(p, got_at(p)), looks_small(got_at(p)));
    }
  }

  // A NaN or an infinity for a number that is certainly neither.
  bool of_another_class(const fast::Segment& s, Bits result) const {
    return is_nan(format, result) || (is_infinite(format, result) && s.most < 0.5 * scale.overflow);
  }

  void open(const fast::Segment& s, std::uint64_t position) {
    const Bits result = got_at(position);
    saw_nan = saw_nan || is_nan(format, result);
    const bool small = s.most < scale.least_normal || (s.least < scale.least_normal && looks_small(result));
    if (!of_another_class(s, result)) return add(position, result, escalate(position, result), small);
    if (!(memory && memory->segment == segments && memory->got == class_of(result))) memory = Memory{segments, class_of(result), escalate(position, result)};
    add(position, result, memory->judgement, small);
  }

  // Judged in vectors: one sign, one segment, one binade.
  void compare_block(const fast::Segment& s, std::uint64_t from, std::size_t count) {
    fast::Piece piece{.segment = &s, .count = count};
    if (format.width == 32) {
      piece.first = static_cast<std::uint32_t>(plan.pattern_of(from));
      const std::byte* at = got.data() + (from - begin) * 4;
      // The comparison reads beyond the end of a piece.
      if (static_cast<std::size_t>(got.data() + got.size() - at) >= (count + fast::padding) * 4) {
        piece.got = reinterpret_cast<const float*>(at);
      } else {
        std::memcpy(y.data(), at, count * 4);
        piece.got = y.data();
      }
    } else {
      fast::widen(format, reinterpret_cast<const std::uint16_t*>(got.data()) + (from - begin), count, y.data());
      piece.inputs = floats.data() + plan.pattern_of(from);
      piece.got = y.data();
    }
    fast::Comparison c;
    compare(scale, piece, ulps.data(), c);
    const std::uint64_t decided = count - c.open;
    partial.finite += decided;
    partial.rounded += c.rounded;
    partial.other_zero += c.other_zero;
    Errors& here = errors_at(plan.pattern_of(from));
    if (c.above_one == 0) {
      for (Errors* e : {&partial.all, &here}) {
        e->bins[0] += c.rounded;
        e->bins[1] += decided - c.rounded;
      }
    } else {
      for (std::size_t i = 0; i < count; ++i)
        if (!std::isnan(ulps[i])) {
          const std::size_t bin = error_bin(std::abs(ulps[i]));
          ++partial.all.bins[bin];
          ++here.bins[bin];
        }
    }
    const bool negative = is_negative(format, plan.pattern_of(from));
    for (const bool subnormal : {false, true}) {
      const double found = subnormal ? c.worst_subnormal : c.worst_normal;
      Worst& whole = partial.worst[2 * negative + subnormal];
      if (found < 0 || (found <= largest[subnormal].ulps && found <= whole.ulps && found <= here.worst.ulps)) continue;
      for (std::size_t i = 0; i < count; ++i)
        if (std::abs(ulps[i]) == found && std::signbit(ulps[i]) == subnormal) {
          const Worst w{found, from + i, got_at(from + i)};
          for (Worst* worst : {&largest[subnormal], &whole, &here.worst, &partial.all.worst}) worst->take(w);
          break;
        }
    }
    refuse(s, from, count, c);
    if (c.open > 0)
      for (std::size_t i = 0; i < count; ++i)
        if (std::isnan(ulps[i])) open(s, from + i);
    if (c.other_zero > 0 && demand.zero_sign) {
      const double constant = s.hi + s.c[0];  // 0 where a line goes through the origin: its sign is that of no one number
      for (std::size_t i = 0; i < count; ++i) {
        const Bits result = got_at(from + i);
        if (std::isnan(ulps[i]) || refused(std::abs(ulps[i])) || !is_zero(format, result) || (constant != 0 && is_negative(format, result) == (constant < 0))) continue;
        if (const Judgement j = escalate(from + i, result); !j.ok) offend(j.kind, from + i, from + i, result);
      }
    }
  }

  bool refused(double error) const { return (demand.correctly_rounded && error > 0.5) || error > demand.limit + scale.resolution; }

  // What the level refuses for certain is counted; what lies within the resolution of its limit goes to the enclosure.
  void refuse(const fast::Segment& s, std::uint64_t from, std::size_t count, const fast::Comparison& c) {
    if (c.rounded + c.open == count) return;
    // Less than one ulp away, but in the binade below y's, where an ulp is half as much: no neighbour of y.
    const bool power_inside = demand.neighbours && (s.least == 0 || !(s.most < HUGE_VAL) || std::ilogb(s.least * (1 - std::ldexp(4.0, -format.precision))) != std::ilogb(s.most));
    if (!demand.correctly_rounded && !power_inside && std::max(c.worst_normal, c.worst_subnormal) <= demand.limit - scale.resolution) return;
    for (std::size_t i = 0; i < count; ++i) {
      const double error = std::abs(ulps[i]);
      if (!(error > 0.5)) continue;  // rounded, or open
      const Bits result = got_at(from + i);
      if (refused(error)) {
        offend(Kind::inaccurate, from + i, from + i, result, {error, from + i, result});
      } else if (error > demand.limit - scale.resolution || (power_inside && (result & format.fraction_mask()) >= format.fraction_mask() - 1)) {
        const Judgement j = escalate(from + i, result);
        if (!j.ok) offend(j.kind, from + i, from + i, result, {j.ulps, from + i, result});
      }
    }
  }

  void judge_segment(const fast::Segment& s, std::uint64_t line_start) {
    using Shape = fast::Segment::Kind;
    const std::uint64_t from = line_start + s.from, to = line_start + s.to;
    if (s.kind == Shape::special) return by_row(from, to);
    if (s.kind == Shape::specials) return each_by_row(from, to);
    if (s.kind == Shape::undecided) return one_by_one(from, to);
    ++segments;
    const std::uint64_t step = std::min<std::uint64_t>(block, std::uint64_t{1} << format.fraction_bits());
    for (std::uint64_t p = from; p <= to;) {
      const std::uint64_t end = std::min(to, p - p % step + step - 1);
      compare_block(s, p, end - p + 1);
      p = end + 1;
    }
  }

  // Magnitudes from … to of one sign along one line.
  void judge_numbers(fast::Line& line, std::uint64_t line_start, bool negative, Bits from, Bits to) {
    const std::uint64_t start = line_start + (negative ? format.sign_mask() : 0);
    const InputRow& input = plan.op->inputs[plan.variable];
    // Outside of the domain nothing is right or wrong.
    const auto takes = [&](Bits m) { return input.takes(to_double(format, m | (negative ? format.sign_mask() : 0))); };
    if (!takes(from) && !takes(to) && !(input.domain.low > 0 || input.domain.high < 0)) {
      partial.outside += to - from + 1;
      return;
    }
    Bits low = from, high = to;
    while (low <= high && !takes(low)) low = next_change(low, high, takes);
    while (high >= low && !takes(high)) high = last_taken(low, high, takes);
    partial.outside += (low - from) + (to - high);
    if (low > high) return;
    for (const fast::Segment& s : line.segments(negative, low, high)) judge_segment(s, start);
  }
  // The first magnitude beyond `low` that is taken, by halving: the domain is an interval.
  template <class Takes>
  static Bits next_change(Bits low, Bits high, const Takes& takes) {
    if (!takes(high)) return high + 1;
    Bits bad = low, good = high;
    while (good - bad > 1) (takes(bad + (good - bad) / 2) ? good : bad) = bad + (good - bad) / 2;
    return good;
  }
  template <class Takes>
  static Bits last_taken(Bits low, Bits high, const Takes& takes) {
    Bits good = low, bad = high;
    while (bad - good > 1) (takes(good + (bad - good) / 2) ? good : bad) = good + (bad - good) / 2;
    return good;
  }

  void judge_line(std::uint64_t from, std::uint64_t to) {
    const std::uint64_t line_start = from - plan.pattern_of(from);
    const auto attributes = plan.attributes_at(from);
    if (!attributes) {
      partial.outside += to - from + 1;
      return;
    }
    const std::vector<Bits> bits = plan.inputs_at(from);
    std::vector<double> at;
    for (std::size_t t = 0; t < bits.size(); ++t) {
      at.push_back(to_double(format, bits[t]));
      if (t != plan.variable && !plan.op->inputs[t].takes(at[t])) {
        partial.outside += to - from + 1;
        return;
      }
    }
    line_of_nan = plan.other && format.width == 16 && std::isnan(at[*plan.other]);
    at[plan.variable] = 0;
    fast::Line line(*plan.op, *attributes, format, plan.variable, at);
    const Bits first = plan.pattern_of(from), last = plan.pattern_of(to);
    for (const bool negative : {false, true}) {
      const Bits sign = negative ? format.sign_mask() : 0;
      // Zero, numbers, infinity, NaNs: those of them between first and last.
      const auto part = [&](Bits low, Bits high, const auto& judge) {
        const Bits a = std::max(first, low | sign), b = std::min(last, high | sign);
        if (a <= b && (a & sign) == sign && is_negative(format, a) == negative && is_negative(format, b) == negative) judge(a, b);
      };
      const auto single = [&](Bits a, Bits b) {
        const double v = to_double(format, a);
        if (!plan.op->inputs[plan.variable].takes(v)) {
          partial.outside += b - a + 1;
          return;
        }
        if (line.point(a).kind == fast::Segment::Kind::special) by_row(line_start + a, line_start + b);
        else one_by_one(line_start + a, line_start + b);
      };
      part(0, 0, single);
      part(1, format.max_finite(), [&](Bits a, Bits b) { judge_numbers(line, line_start, negative, a ^ sign, b ^ sign); });
      part(format.infinity(), format.infinity(), single);
      part(format.infinity() + 1, format.mask() ^ format.sign_mask(), single);
    }
  }

  // Not outside of the domain.
  bool asked(std::uint64_t position) const {
    if (!plan.attributes_at(position)) return false;
    const std::vector<Bits> bits = plan.inputs_at(position);
    for (std::size_t t = 0; t < bits.size(); ++t)
      if (!plan.op->inputs[t].takes(to_double(format, bits[t]))) return false;
    return true;
  }

  // Results that leave the operator's range, and those that fall where they must not.  `value(i)`: as float.
  template <class T>
  void laws(const T& value) {
    const std::size_t count = got.size() / static_cast<std::size_t>(format.bytes());
    // A quick look first, for the compiler to make vectors of.
    const auto any = [&](std::size_t n, const auto& bad) {
      int found = 0;
      for (std::size_t i = 0; i < n; ++i) found |= bad(i);
      return found != 0;
    };
    if (plan.op->range) {
      const auto low = static_cast<float>(plan.op->range->low), high = static_cast<float>(plan.op->range->high);
      const auto outside = [&](std::size_t i) { return static_cast<int>(value(i) < low) | static_cast<int>(value(i) > high); };
      if (any(count, outside))
        for (std::size_t i = 0; i < count; ++i)
          if (outside(i) && asked(begin + i)) offend(Kind::law_broken, begin + i, begin + i, got_at(begin + i));
    }
    if (!monotone) return;
    partial.first[chunk] = got_at(begin);
    partial.last[chunk] = got_at(begin + count - 1);
    // One sign at a time, infinity included: patterns of negative numbers fall.
    const auto index_of = [&](Bits pattern) {  // in the chunk, cut to it
      return static_cast<std::size_t>(std::clamp<std::int64_t>(static_cast<std::int64_t>(pattern) - static_cast<std::int64_t>(plan.pattern_of(begin)), 0, static_cast<std::int64_t>(count)));
    };
    const auto falls = [&](std::size_t i) { return static_cast<int>(value(i) > value(i + 1)); };
    const auto rises = [&](std::size_t i) { return static_cast<int>(value(i) < value(i + 1)); };
    const auto look = [&](std::size_t from, std::size_t to, const auto& breaks) {
      if (to < from + 2 || !any(to - from - 1, [&](std::size_t i) { return breaks(from + i); })) return;
      for (std::size_t i = from; i + 1 < to; ++i)
        if (breaks(i)) offend(partial.not_monotone, begin + i, begin + i, got_at(begin + i));
    };
    look(0, index_of(format.infinity() + 1), falls);
    look(index_of(format.sign_mask()), index_of((format.sign_mask() | format.infinity()) + 1), rises);
  }

  Partial hashed(std::uint64_t c, std::span<const std::byte> results) const {
    Partial p;
    p.chunks.add(c, c);
    p.inputs = std::uint64_t{1} << plan.chunk_bits();
    p.hash = XXH3_64bits_withSeed(results.data(), results.size(), c);
    return p;
  }

  Partial judge(std::uint64_t c, std::span<const std::byte> results) {
    partial = hashed(c, results);
    chunk = c;
    begin = c << plan.chunk_bits();
    got = results;
    memory.reset();
    segments = 0;
    largest = {};
    saw_nan = false;
    const std::uint64_t end = begin + (std::uint64_t{1} << plan.chunk_bits());
    for (std::uint64_t p = begin; p < end;) {
      const std::uint64_t line_end = std::min(end, p - plan.pattern_of(p) + (std::uint64_t{1} << format.width));
      judge_line(p, line_end - 1);
      p = line_end;
    }
    saw_nan = saw_nan || partial.outside > 0;  // these were not looked at
    if (demand.budget)
      for (const Worst& w : largest)
        if (w.ulps > 0.5) {
          ++partial.by_budget;
          const Judgement j = judge_alone(w.at, w.got);
          if (j.error) ++partial.errors;
          else if (!j.ok) offend(j.kind, w.at, w.at, w.got, {j.ulps, w.at, w.got});
          else if (j.policy) ++partial.policies[j.policy];
        }
    if (format.width == 32)
      laws([numbers = reinterpret_cast<const float*>(got.data())](std::size_t i) { return numbers[i]; });
    else
      laws([this](std::size_t i) { return floats[got_at(begin + i)]; });
    return std::move(partial);
  }
};

ChunkJudge::ChunkJudge(const SweepPlan& plan, const Level& level, const std::string& instruction_set) : state_(std::make_unique<State>(plan, level)) {
  if (const fast::Compare forced = fast::comparing(instruction_set)) state_->compare = forced;
}
ChunkJudge::~ChunkJudge() = default;

Partial ChunkJudge::operator()(std::uint64_t chunk, std::span<const std::byte> got) { return state_->judge(chunk, got); }

bool ChunkJudge::saw_nan() const { return state_->saw_nan; }

Partial ChunkJudge::hash(std::uint64_t chunk, std::span<const std::byte> got) const { return state_->hashed(chunk, got); }

}  // namespace karat::properties
