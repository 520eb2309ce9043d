// SPDX-License-Identifier: MIT
#include "properties/rapid.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "plugins/karat_plugin.h"
#include "properties/generate.hpp"
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

// ---- generators ---------------------------------------------------------------------------

rc::Gen<Bits> value(const Format& f, const InputRow& row, bool specials, bool calm = false) {
  const Format* format = &f;
  const auto dense =
      rc::gen::map(rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 52), [format, row](std::int64_t n) {
        return round_nearest(*format,
                             truncated(row.typical.low + (row.typical.high - row.typical.low) *
                                                             std::ldexp(static_cast<double>(n), -52)));
      });
  const auto any = rc::gen::suchThat(rc::gen::map(rc::gen::arbitrary<std::uint64_t>(),
                                                  [format](std::uint64_t n) { return n & format->mask(); }),
                                     [format](Bits b) { return is_finite(*format, b); });
  const auto dyadic = rc::gen::map(rc::gen::pair(rc::gen::inRange(-15, 16), rc::gen::inRange(-16, 8)),
                                   [format](const std::pair<int, int>& p) {
                                     return round_nearest(*format, truncated(std::ldexp(p.first, p.second)));
                                   });
  std::vector<Bits> directed;
  for (const double d : row.directed) directed.push_back(round_nearest(f, truncated(d)));
  std::erase_if(directed, [&](Bits b) { return !is_finite(f, b); });
  directed.push_back(0);
  const auto special = rc::gen::elementOf(special_values(f, row.infinities));
  const auto mixed = rc::gen::weightedOneOf<Bits>({{8, dense},
                                                   {4, dyadic},
                                                   {2, rc::gen::elementOf(directed)},
                                                   {std::size_t{calm ? 0u : 2u}, any},
                                                   {std::size_t{specials ? 2u : 0u}, special}});
  return rc::gen::suchThat(mixed, [format, row](Bits b) { return row.takes(to_double(*format, b)); });
}

rc::Gen<Shape> shape(bool needs_axis) {
  return rc::gen::map(rc::gen::pair(rc::gen::inRange(needs_axis ? 1 : 0, 4),
                                    rc::gen::container<std::vector<int>>(3, rc::gen::inRange(0, 41))),
                      [](const std::pair<int, std::vector<int>>& p) {
                        Shape s;
                        for (int d = 0; d < p.first; ++d)
                          s.push_back(d == 0 ? p.second[0] : p.second[static_cast<std::size_t>(d)] % 7);
                        return s;
                      });
}

// ---- shrinking ----------------------------------------------------------------------------

Question with_elements(const Question& q, const std::vector<std::size_t>& kept, Shape shape) {
  Question smaller{q.op, q.format, {}, q.attributes};
  for (const Tensor<Bits>& tensor : q.inputs) {
    Tensor<Bits> part(shape);
    for (std::size_t i = 0; i < kept.size(); ++i) part.values[i] = tensor.values[kept[i]];
    smaller.inputs.push_back(std::move(part));
  }
  return smaller;
}

// A placement that suits the new size and is as plain as the old one was.
Case relaid(Case c, const host::KernelRow& kernel) {
  if (c.layout.placement.flush == host::Placement::Flush::end && c.layout.dense())
    c.layout.placement = base_layout(kernel, *c.question.format, c.question).placement;
  return c;
}

Case cut(const Case& c, const host::KernelRow& kernel, const std::vector<std::size_t>& kept, Shape shape,
         std::size_t focus) {
  Case smaller{with_elements(c.question, kept, std::move(shape)), c.layout, {}, focus, c.law};
  if (c.question.op->independence == Independence::along_axis)
    smaller.question.attributes.values["axis"] = std::int64_t{0};
  return relaid(std::move(smaller), kernel);
}

std::vector<std::size_t> range(std::size_t from, std::size_t to) {
  std::vector<std::size_t> r;
  for (std::size_t i = from; i < to; ++i) r.push_back(i);
  return r;
}

// The leading part of a tensor; nullopt if it has no such part.
std::optional<Tensor<Bits>> leading(const Tensor<Bits>& tensor, const Shape& shape) {
  if (shape.size() != tensor.shape.size()) return std::nullopt;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] > tensor.shape[d] || shape[d] < 0) return std::nullopt;
  Tensor<Bits> part(shape);
  const auto places = storage_indices(shape, dense_strides(tensor.shape));
  for (std::size_t i = 0; i < places.size(); ++i) part.values[i] = tensor.values[places[i]];
  return part;
}

// A question that fits again after one of its shapes or attributes was changed: dy takes the shape of y.
std::optional<Question> fitting(Question q) {
  if (const Operator* forward = forward_of(*q.op)) {
    try {
      Shapes shapes;
      for (std::size_t t = forward->outputs.size(); t < q.inputs.size(); ++t) shapes.push_back(q.inputs[t].shape);
      const Shapes y = forward->output_shapes(shapes, q.attributes);
      for (std::size_t j = 0; j < y.size(); ++j) {
        auto dy = leading(q.inputs[j], y[j]);
        if (!dy) return std::nullopt;
        q.inputs[j] = std::move(*dy);
      }
    } catch (const Refused&) {
      return std::nullopt;
    }
  }
  if (invalid(q) || q.output_count() == 0) return std::nullopt;
  return q;
}

// Of tensors whose shapes hang together: every extent of one size made smaller, everywhere, along one dimension or
// in one tensor; optional tensors left away.
std::vector<Case> smaller_wholes(const Case& c, const host::KernelRow& kernel) {
  std::vector<Case> smaller;
  const auto offer = [&](Question q) {
    auto fits = fitting(std::move(q));
    if (fits) smaller.push_back(relaid({std::move(*fits), c.layout, {}, 0, c.law}, kernel));
  };
  const Question& q = c.question;
  std::set<std::int64_t, std::greater<>> extents;
  std::size_t dimensions = 0;
  for (const Tensor<Bits>& tensor : q.inputs) {
    for (const std::int64_t e : tensor.shape)
      if (e > 1) extents.insert(e);
    dimensions = std::max(dimensions, tensor.shape.size());
  }
  const auto cut_where = [&](std::int64_t extent, std::int64_t size, auto takes) {
    Question part = q;
    bool any = false;
    for (std::size_t t = 0; t < q.inputs.size(); ++t) {
      Shape shape = q.inputs[t].shape;
      for (std::size_t d = 0; d < shape.size(); ++d)
        if (shape[d] == extent && takes(t, d)) {
          shape[d] = size;
          any = true;
        }
      part.inputs[t] = *leading(q.inputs[t], shape);
    }
    if (any) offer(std::move(part));
  };
  for (const std::int64_t extent : extents)
    for (const std::int64_t size : std::set<std::int64_t>{1, extent / 2, extent - 1}) {
      if (size < 1 || size >= extent) continue;
      cut_where(extent, size, [](std::size_t, std::size_t) { return true; });
      for (std::size_t dimension = 0; dimension < dimensions; ++dimension)
        cut_where(extent, size, [&](std::size_t, std::size_t d) { return d == dimension; });
      for (std::size_t tensor = 0; tensor < q.inputs.size(); ++tensor)
        cut_where(extent, size, [&](std::size_t t, std::size_t) { return t == tensor; });
    }
  for (std::size_t t = 0; t < q.inputs.size(); ++t)
    if (q.op->inputs[t].optional && q.inputs[t].shape != Shape{0}) {
      Question part = q;
      part.inputs[t] = Tensor<Bits>(Shape{0});
      offer(std::move(part));
    }
  return smaller;
}

// Smaller tensors: the failing element or slice alone; halves; one end less.
std::vector<Case> smaller_shapes(const Case& c, const host::KernelRow& kernel) {
  std::vector<Case> smaller;
  const Question& q = c.question;
  if (q.op->independence == Independence::whole) return smaller_wholes(c, kernel);
  const std::size_t count = q.inputs[0].values.size();
  const Shape& s = q.inputs[0].shape;
  if (count == 0) {
    if (s != Shape{0} && q.op->independence == Independence::elementwise)
      smaller.push_back(cut(c, kernel, {}, Shape{0}, 0));
    return smaller;
  }
  if (q.op->independence == Independence::elementwise) {
    const auto take = [&](std::size_t from, std::size_t to) {
      if (to - from < count || s.size() != 1)
        smaller.push_back(cut(c, kernel, range(from, to), Shape{static_cast<std::int64_t>(to - from)},
                              c.focus >= from && c.focus < to ? c.focus - from : 0));
    };
    if (count > 1) take(c.focus, c.focus + 1);
    if (s.size() != 1) take(0, count);
    // Keep the tail: remainders of vectors are where kernels fail.
    for (std::size_t piece = count / 2; piece > 0; piece /= 2) {
      take(piece, count);
      take(0, count - piece);
    }
    return smaller;
  }
  const Slices slices(s, q.attributes.integer("axis"));
  if (slices.count > 1 || s.size() != 1) {
    for (std::size_t u = 0; u < unit_count(q); ++u) {
      const Unit slice = unit(q, u);
      const auto place = std::find(slice.outputs.begin(), slice.outputs.end(), c.focus);
      if (place == slice.outputs.end()) continue;
      smaller.push_back(cut(c, kernel, slice.outputs, Shape{slices.length},
                            static_cast<std::size_t>(place - slice.outputs.begin())));
    }
    // Two dimensions: fewer rows of the same length.
    if (s.size() == 2 && q.attributes.integer("axis") == 1 && s[0] > 1) {
      const auto n = static_cast<std::size_t>(slices.length);
      const std::size_t row = c.focus / n;
      Case one{with_elements(q, range(row * n, (row + 1) * n), Shape{1, slices.length}), c.layout, {}, c.focus - row * n, c.law};
      smaller.push_back(relaid(std::move(one), kernel));
    }
  } else {
    for (std::size_t piece = count / 2; piece > 0; piece /= 2) {
      if (c.focus >= piece)
        smaller.push_back(cut(c, kernel, range(piece, count), Shape{static_cast<std::int64_t>(count - piece)},
                              c.focus - piece));
      if (c.focus < count - piece)
        smaller.push_back(cut(c, kernel, range(0, count - piece),
                              Shape{static_cast<std::int64_t>(count - piece)}, c.focus));
    }
  }
  return smaller;
}

std::vector<Case> plainer_layouts(const Case& c, const host::KernelRow& kernel) {
  std::vector<Case> plainer;
  const auto with = [&](auto change) {
    Case p = c;
    p.origin.clear();
    change(p);
    plainer.push_back(std::move(p));
  };
  const Layout base = base_layout(kernel, *c.question.format, c.question);
  if (!c.layout.dense())
    with([&](Case& p) {
      p.layout.input_gap = p.layout.output_gap = 1;
      p.layout.column_major = false;
      p.layout.placement = base.placement;
    });
  if (c.layout.threads != 1) with([](Case& p) { p.layout.threads = 1; });
  if (c.layout.in_place) with([](Case& p) { p.layout.in_place = false; });
  if (c.layout.dense() && (c.layout.placement.flush != base.placement.flush ||
                           c.layout.placement.offset != base.placement.offset))
    with([&](Case& p) { p.layout.placement = base.placement; });
  if (c.layout.column_major) with([](Case& p) { p.layout.column_major = false; });
  return plainer;
}

// How much there is to read in a value: 0, then ±1, then few bits, then a small exponent.
int weight(const Format& f, Bits b) {
  if (b == 0) return 0;
  if (!is_finite(f, b)) return 3;
  int e = 0;
  double m = std::frexp(std::fabs(to_double(f, b)), &e);
  int bits = 0;
  while (m != 0) {
    m = m * 2;
    ++bits;
    if (m >= 1) m -= 1;
  }
  return 2 * bits + std::abs(e - bits) + (is_negative(f, b) ? 1 : 0);
}

std::vector<Bits> simpler_values(const Format& f, Bits b) {
  std::vector<Bits> simpler;
  const auto offer = [&](Bits candidate) {
    if (weight(f, candidate) < weight(f, b) &&
        std::find(simpler.begin(), simpler.end(), candidate) == simpler.end())
      simpler.push_back(candidate);
  };
  offer(0);
  for (const double d : {1.0, -1.0, 2.0, 0.5}) offer(*exact_bits(f, d));
  if (is_nan(f, b)) {
    if (b != f.quiet_nan()) simpler.push_back(f.quiet_nan());
    return simpler;
  }
  if (is_infinite(f, b)) return simpler;
  // Fewer significand bits, rounded away from and towards zero; then the sign.
  for (int keep = 1; keep < f.precision; ++keep) {
    const int drop = f.precision - keep;
    if (drop > f.fraction_bits()) continue;
    const Bits low = (Bits{1} << drop) - 1;
    offer(b & ~low);
    if (const Bits up = (b & ~low) + low + 1; is_finite(f, up)) offer(up);
  }
  offer(b & ~f.sign_mask());
  return simpler;
}

std::vector<Case> simpler_inputs(const Case& c) {
  std::vector<Case> simpler;
  const Question& q = c.question;
  const Format& f = *q.format;
  const Attributes standard = standard_attributes(*q.op);
  for (const AttributeRow& row : q.op->attributes)
    if (row.name != "axis" && !(q.attributes.values.at(row.name) == standard.values.at(row.name))) {
      Case s = c;
      s.origin.clear();
      s.question.attributes.values[row.name] = standard.values.at(row.name);
      if (const auto fits = q.op->independence == Independence::whole ? fitting(s.question) : s.question) {
        s.question = *fits;
        simpler.push_back(std::move(s));
      }
    }
  for (std::size_t t = 0; t < q.inputs.size(); ++t) {
    const std::vector<Bits>& v = q.inputs[t].values;
    if (q.op->inputs[t].index) continue;
    if (v.size() > 1) {  // everything but the focus becomes one simple value
      for (const double fill : {0.0, 1.0}) {
        Case s = c;
        s.origin.clear();
        bool changed = false;
        for (std::size_t i = 0; i < v.size(); ++i)
          if (i != c.focus && weight(f, v[i]) > weight(f, *exact_bits(f, fill))) {
            s.question.inputs[t].values[i] = *exact_bits(f, fill);
            changed = true;
          }
        if (changed) simpler.push_back(std::move(s));
      }
    }
    for (std::size_t i = 0; i < std::min<std::size_t>(v.size(), 64); ++i)
      for (const Bits b : simpler_values(f, v[i])) {
        Case s = c;
        s.origin.clear();
        s.question.inputs[t].values[i] = b;
        simpler.push_back(std::move(s));
      }
  }
  if (q.op->independence == Independence::whole)
    std::erase_if(simpler, [](const Case& s) { return invalid(s.question).has_value(); });
  return simpler;
}

rc::Seq<Case> shrinks(const Case& c, const host::KernelRow* kernel, bool values) {
  std::vector<Case> all = smaller_shapes(c, *kernel);
  for (Case& p : plainer_layouts(c, *kernel)) all.push_back(std::move(p));
  if (values)
    for (Case& s : simpler_inputs(c)) all.push_back(std::move(s));
  return rc::seq::fromContainer(std::move(all));
}

Case minimum(const Case& failing, const host::KernelRow& kernel, int budget, bool values,
             const std::function<bool(const Case&)>& fails) {
  const auto tree = rc::shrinkable::shrinkRecur(
      failing, [&kernel, values](const Case& c) { return shrinks(c, &kernel, values); });
  return rc::shrinkable::findLocalMin(tree, [&](const Case& c) { return budget-- > 0 && fails(c); }).first;
}

}  // namespace

Case random_case(const Operator& op, const Format& f, const host::KernelRow& kernel, std::uint64_t seed,
                 int index) {
  rc::Random mine(seed * 1'000'003 + static_cast<std::uint64_t>(index));
  const auto draw = [&](const auto& gen) { return gen(mine.split(), 100).value(); };
  const bool axis = op.independence == Independence::along_axis;
  Case c;
  if (op.independence == Independence::whole) {
    const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(draw(rc::gen::inRange(0, static_cast<int>(n)))); };
    c.question = filled(op, f, op.examples.at(pick(op.examples.size())), static_cast<Fill>(pick(fills)), seed * 7919 + static_cast<std::uint64_t>(index));
    c.origin = "random:" + std::to_string(index);
    c.layout = base_layout(kernel, f, c.question);
    c.layout.threads = draw(rc::gen::inRange(1, 4));
    c.layout.in_place = kernel.has(KARAT_IN_PLACE) && draw(rc::gen::inRange(0, 4)) == 0;
    if (kernel.has(KARAT_STRIDED) && !c.layout.in_place && draw(rc::gen::inRange(0, 3)) == 0) {
      c.layout.placement = {host::Placement::Flush::start, 0};
      c.layout.input_gap = draw(rc::gen::inRange(1, 4));
      c.layout.output_gap = draw(rc::gen::inRange(1, 4));
      c.layout.column_major = draw(rc::gen::inRange(0, 2)) == 1;
    }
    return c;
  }
  Question& q = c.question;
  q.op = &op;
  q.format = &f;
  const std::vector<Attributes> sets = attribute_sets(op);
  q.attributes = sets[static_cast<std::size_t>(draw(rc::gen::inRange(0, static_cast<int>(sets.size()))))];
  const Shape s = draw(shape(axis));
  if (axis)
    q.attributes.values["axis"] =
        static_cast<std::int64_t>(draw(rc::gen::inRange(0, static_cast<int>(s.size()))));
  for (const InputRow& row : op.inputs) {
    const auto gen = value(f, row, !axis || draw(rc::gen::inRange(0, 8)) == 0);
    Tensor<Bits> tensor(s);
    for (Bits& b : tensor.values) b = draw(gen);
    q.inputs.push_back(std::move(tensor));
  }
  c.origin = "random:" + std::to_string(index);
  c.layout = base_layout(kernel, f, q);
  c.layout.threads = draw(rc::gen::inRange(1, 4));
  const std::size_t unit = static_cast<std::size_t>(std::max(kernel.min_alignment, f.bytes()));
  switch (draw(rc::gen::inRange(0, 4))) {
    case 0:
      c.layout.placement = {host::Placement::Flush::start,
                            unit * static_cast<std::size_t>(draw(rc::gen::inRange(0, 4)))};
      break;
    case 1:
      if (kernel.has(KARAT_STRIDED)) {
        c.layout.placement = {host::Placement::Flush::start, 0};
        c.layout.input_gap = draw(rc::gen::inRange(1, 4));
        c.layout.output_gap = draw(rc::gen::inRange(1, 4));
        c.layout.column_major = draw(rc::gen::inRange(0, 2)) == 1;
      }
      break;
    case 2:
      c.layout.in_place = kernel.has(KARAT_IN_PLACE);
      break;
    default:
      break;
  }
  return c;
}

Case law_case(const Operator& op, const Format& f, const host::KernelRow& kernel, const std::string& law,
              std::uint64_t seed, int index) {
  rc::Random mine(seed * 1'000'033 + static_cast<std::uint64_t>(index));
  const auto draw = [&](const auto& gen) { return gen(mine.split(), 100).value(); };
  Case c;
  c.law = law;
  c.origin = "law:" + std::to_string(index);
  if (op.independence == Independence::whole) {
    constexpr Fill calm[] = {Fill::usual, Fill::small, Fill::close};
    const auto k = static_cast<std::size_t>(index);
    c.question = filled(op, f, op.examples.at(k % op.examples.size()), calm[k / op.examples.size() % 3], seed * 7919 + k);
  } else {
    const std::vector<Attributes> sets = attribute_sets(op);
    c.question = {&op, &f, {}, sets[static_cast<std::size_t>(index) % sets.size()]};
    const bool axis = op.independence == Independence::along_axis;
    const Shape s = axis ? Shape{draw(rc::gen::inRange<std::int64_t>(1, 4)), draw(rc::gen::inRange<std::int64_t>(1, 30))}
                         : Shape{draw(rc::gen::inRange<std::int64_t>(1, 70))};
    if (axis) c.question.attributes.values["axis"] = std::int64_t{1};
    for (const InputRow& row : op.inputs) {
      const auto gen = value(f, row, false, true);
      Tensor<Bits> tensor(s);
      for (Bits& b : tensor.values) b = draw(gen);
      c.question.inputs.push_back(std::move(tensor));
    }
  }
  c.layout = base_layout(kernel, f, c.question);
  return c;
}

Case near_case(const Case& nearest, std::uint64_t seed, int index) {
  rc::Random mine(seed * 1'000'037 + static_cast<std::uint64_t>(index));
  const auto draw = [&](int low, int high) { return rc::gen::inRange(low, high)(mine.split(), 100).value(); };
  Case c = nearest;
  c.origin.clear();
  const Format& f = *c.question.format;
  const int reach = 1 << draw(0, std::min(f.precision, 20));
  for (std::size_t t = 0; t < c.question.inputs.size(); ++t) {
    const InputRow& row = c.question.op->inputs[t];
    if (row.index || draw(0, 3) == 0) continue;
    for (Bits& b : c.question.inputs[t].values) {
      if (!is_finite(f, b)) continue;
      const Bits moved = from_ordinal(f, ordinal(f, b) + draw(-reach, reach + 1));
      if (is_finite(f, moved) && row.takes(to_double(f, moved))) b = moved;
    }
  }
  return invalid(c.question) ? nearest : c;
}

Case shrink(const Case& failing, const host::KernelRow& kernel, int budget,
            const std::function<bool(const Case&)>& fails) {
  return minimum(failing, kernel, budget, true, fails);
}
Case shrink_shape(const Case& failing, const host::KernelRow& kernel, int budget,
                  const std::function<bool(const Case&)>& fails) {
  return minimum(failing, kernel, budget, false, fails);
}

}  // namespace karat::properties
