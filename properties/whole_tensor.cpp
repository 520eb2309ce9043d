// SPDX-License-Identifier: MIT
#include "properties/whole_tensor.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "properties/generate.hpp"
#include "properties/parallel.hpp"
#include "reference/numbers/hull.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

// Beyond how a double's roundings on the way move a cost.
constexpr double close = 0x1p-30;
// How much larger the budgets of moved traces can be: nodes move by their own costs.
constexpr double moved = 1 + 0x1p-10;
// Budgets below this much are of zeros and what is beside them.
constexpr double least_certain = 0x1p-90;

double unit_of(const Format& compute) { return std::ldexp(1.0, -compute.precision); }

// Of u: the tape's budget of a result that is stored in `stored`.
double cost_of(const Compensated& y, const Format& compute, const Format& stored) {
  return &compute == &stored ? std::max(0.0, y.cost - y.own) : y.cost;
}

// Values and budgets of a small call are those of enclosures and tapes.
std::optional<std::string> differs(const Question& question) {
  const Format& f = *question.format;
  const Format& compute = format(f.compute);
  try {
    const std::vector<Compensated> fast = compensated(question, compute);
    const std::vector<Specials> by_row = specials(question);  // 0/0 of an empty mean
    Budgets budgets(question, {});
    const PrecisionScope scope(256);
    const std::vector<Answer> exact = answers(question);
    for (std::size_t i = 0; i < fast.size(); ++i) {
      const Compensated& y = fast[i];
      if (!by_row[i].empty()) continue;
      if (y.unsure()) return "it is no chain of sums, products, quotients and roots, or leaves their range";
      const Enclosure off = exact[i].value - Enclosure(y.high) - Enclosure(y.low);
      if (!off.is_bounded() || Enclosure(y.error).certainly_below(abs(off))) return "its compensated value is not the exact one";
      const auto tape = static_cast<double>(budgets.at_least(i).bound), cost = cost_of(y, compute, f) * unit_of(compute);
      const double mine = y.rounds() ? cost : 0;
      if (tape > 0 ? !(std::abs(cost - tape) <= close * tape + least_certain) : mine > 0) return "its roundings reach a result in ways that cancel";
    }
  } catch (const Undecided&) {
    return "it chooses by comparisons that are too close";
  }
  return std::nullopt;
}

bool batched(const Operator& op, const std::string& tensor) { return std::find(op.batched.begin(), op.batched.end(), tensor) != op.batched.end(); }

// Samples of the batch, if every output is made of them; 0: there is no batch to split.
std::int64_t samples_of(const Question& q) {
  std::int64_t count = 0;
  for (std::size_t t = 0; t < q.inputs.size(); ++t)
    if (batched(*q.op, q.op->inputs[t].name)) {
      const Shape& shape = q.inputs[t].shape;
      if (shape.empty() || (count > 0 && shape[0] != count)) return 0;
      count = shape[0];
    }
  const Shapes outputs = q.output_shapes();
  for (std::size_t j = 0; j < outputs.size(); ++j)
    if (!batched(*q.op, q.op->outputs[j]) || outputs[j].empty() || outputs[j][0] != count) return 0;
  return count;
}
Question sample(const Question& q, std::int64_t n, std::int64_t count) {
  Question part{q.op, q.format, {}, q.attributes};
  for (std::size_t t = 0; t < q.inputs.size(); ++t) {
    if (!batched(*q.op, q.op->inputs[t].name)) {
      part.inputs.push_back(q.inputs[t]);
      continue;
    }
    Shape shape = q.inputs[t].shape;
    shape[0] = 1;
    const std::size_t size = q.inputs[t].values.size() / static_cast<std::size_t>(count);
    const auto from = q.inputs[t].values.begin() + static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(n));
    part.inputs.emplace_back(std::move(shape), std::vector<Bits>(from, from + static_cast<std::ptrdiff_t>(size)));
  }
  return part;
}

// The numbers of a question, or of its samples side by side.
class Values {
 public:
  Values(const Question& q, const Format& compute, bool sequential) {
    const std::int64_t count = samples_of(q);
    if (count < 2) {
      all_ = evaluated(q, compute, sequential);
      return;
    }
    const Shapes shapes = q.output_shapes();
    all_.resize(q.output_count());
    parallel_ranges(0, static_cast<std::size_t>(count), 1, [&](std::size_t from, std::size_t to) {
      for (std::size_t n = from; n < to; ++n) {
        const std::vector<Compensated> own = evaluated(sample(q, static_cast<std::int64_t>(n), count), compute, sequential);
        std::size_t source = 0, begin = 0;
        for (const Shape& shape : shapes) {
          const auto elements = static_cast<std::size_t>(element_count(shape)), size = elements / static_cast<std::size_t>(count);
          std::copy_n(own.begin() + static_cast<std::ptrdiff_t>(source), size, all_.begin() + static_cast<std::ptrdiff_t>(begin + n * size));
          source += size;
          begin += elements;
        }
      }
    });
  }
  const Compensated& operator[](std::size_t i) const { return all_[i]; }

 private:
  // Undecided: nothing is known of any element.
  static std::vector<Compensated> evaluated(const Question& q, const Format& compute, bool sequential) {
    try {
      return compensated(q, compute, sequential);
    } catch (const Undecided&) {
      return std::vector<Compensated>(q.output_count(), Compensated(std::nan("")));
    }
  }
  std::vector<Compensated> all_;
};

// `one_algorithm`: no other accepted algorithm could have a larger budget.
Judgement judge_one(const Level& level, const Format& f, const Format& compute, Bits got, const Compensated& y, bool one_algorithm) {
  Judgement not_decided;
  not_decided.error = true;
  if (y.unsure()) return not_decided;
  const double cost = cost_of(y, compute, f) * unit_of(compute);
  const double least = y.rounds() ? cost * (1 - 0x1p-16) : 0, most = cost * moved + least_certain;
  const auto binade = [&] { return static_cast<int>(std::max<long>(std::ilogb(y.high), f.e_min)); };
  if (by_budget(level) && is_finite(f, got)) {
    // Nearly all: within the budget for certain, without a ball.
    const double value = to_double(f, got), away = (value - y.high) - y.low;
    const double off = std::abs(away) + y.error + 0x1p-50 * std::abs(away);
    if (off <= least && std::abs(y.high) >= std::ldexp(1.0, f.e_min)) {
      Judgement j;
      j.ok = true;
      j.ulps = std::ldexp(std::abs(away), f.fraction_bits() - binade());
      j.budget = std::ldexp(cost, f.fraction_bits() - binade());
      j.rounded = j.ulps < 0.5 - 0x1p-20;
      return j;
    }
  }
  const PrecisionScope scope(256);
  const Enclosure centre = Enclosure(y.high) + Enclosure(y.low);
  const Answer answer{hull(centre - Enclosure(y.error), centre + Enclosure(y.error)), {}, {}};
  const auto with = [&](double bound) {
    return judge(level, f, got, answer, false, [&](bool) { return Budget{.bound = bound}; });
  };
  auto j = with(least);
  if (j && !j->ok && by_budget(level)) {  // unless the largest of all traces allows it, which is not known
    j = with(most);
    if (j && (j->ok || (!one_algorithm && j->kind == Kind::inaccurate))) j.reset();
  }
  return j ? *j : not_decided;
}

}  // namespace

bool fits_tapes(const Question& q) {
  std::size_t elements = q.output_count();
  for (const Tensor<Bits>& tensor : q.inputs) elements += tensor.values.size();
  return elements <= 2048;
}

bool takes_whole_tensors(const Question& q, const Level& level) {
  return q.op->independence == Independence::whole && !fits_tapes(q) && !level.profile && !not_compensated(*q.op, q.attributes);
}

std::optional<std::string> not_compensated(const Operator& op, const Attributes& attributes) {
  if (!op.compensated || !op.enclose) return op.name + " takes no tensors of any shapes";
  static std::mutex mutex;
  static std::map<const Operator*, std::vector<std::pair<Attributes, std::optional<std::string>>>> known;
  const std::scoped_lock lock(mutex);
  auto& of_op = known[&op];
  for (const auto& [a, why] : of_op)
    if (a == attributes) return why;
  const auto tried = [&]() -> std::optional<std::string> {
    for (const Example& example : op.examples)
      for (const std::uint64_t seed : {1, 2}) {
        Question q = filled(op, format(Dtype::f32), example, Fill::usual, seed);
        for (const bool these : {false, true}) {
          if (these) q.attributes = attributes;
          if (invalid(q)) continue;
          if (const auto why = differs(q)) return op.name + " is not judged as whole tensors: " + *why;
        }
      }
    if (op.examples.empty()) return op.name + " has no example to try it on";
    return std::nullopt;
  };
  of_op.emplace_back(attributes, tried());
  return of_op.back().second;
}

std::vector<Judgement> judge_whole_tensors(const Question& question, std::span<const Bits> got, const Level& level) {
  const Format& f = *question.format;
  const Format& compute = format(level.compute.value_or(f.compute));
  const Values values(question, compute, care_of(level).sequential_sums);
  std::vector<Judgement> result(got.size());
  parallel_ranges(0, got.size(), 4096, [&](std::size_t from, std::size_t to) {
    for (std::size_t i = from; i < to; ++i) result[i] = judge_one(level, f, compute, got[i], values[i], question.op->algorithms.size() == 1);
  });
  if (!level.also) return result;
  const std::vector<Judgement> other = judge_whole_tensors(question, got, *level.also);
  for (std::size_t i = 0; i < result.size(); ++i)
    if (result[i].ok && (!other[i].ok || other[i].error)) {
      result[i] = other[i];
      result[i].by_other = true;
    }
  return result;
}

std::string exact_in_whole_tensors(const Question& question, std::size_t element) {
  const Compensated y = Values(question, format(question.format->compute), false)[element];
  if (y.unsure()) return "not known";
  const PrecisionScope scope(256);
  return (Enclosure(y.high) + Enclosure(y.low)).hexadecimal(15);
}

}  // namespace karat::properties
