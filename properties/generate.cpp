// SPDX-License-Identifier: MIT
#include "properties/generate.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <tuple>

#include "plugins/karat_plugin.h"
#include "properties/grown.hpp"

namespace karat::properties {
namespace {

using Random = std::mt19937_64;

Bits rounded(const Format& f, double d) { return round_nearest(f, truncated(d)); }

double uniform(Random& random, double low, double high) {
  return low + (high - low) * (static_cast<double>(random() >> 11) * 0x1p-53);
}

std::size_t alignment_of(const host::KernelRow& kernel, const Format& f) {
  return static_cast<std::size_t>(std::max(kernel.min_alignment, f.bytes()));
}

// End-flush as far as the kernel's alignment lets the data begin there.
host::Placement at_end(const host::KernelRow& kernel, const Format& f, std::size_t storage_bytes) {
  const std::size_t a = alignment_of(kernel, f);
  return {host::Placement::Flush::end, (a - storage_bytes % a) % a};
}

Tensor<Bits> drawn(const Shape& shape, const std::vector<Bits>& pool, Random& random) {
  Tensor<Bits> tensor(shape);
  for (Bits& b : tensor.values) b = pool[random() % pool.size()];
  return tensor;
}

// Sizes on both sides of every vector and block boundary that is in use.
const std::vector<std::int64_t>& sizes() {
  static const std::vector<std::int64_t> list = [] {
    std::set<std::int64_t> s{0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 67, 100, 1000, 100'003, 300'007};
    for (std::int64_t power = 4; power <= 131'072; power *= 2)
      for (const std::int64_t n : {power - 1, power, power + 1}) s.insert(n);
    return std::vector<std::int64_t>(s.begin(), s.end());
  }();
  return list;
}

class Planner {
 public:
  Planner(const Operator& op, const Format& f, const host::KernelRow& kernel, std::uint64_t seed)
      : op_(op), f_(f), kernel_(kernel), random_(seed), sets_(attribute_sets(op)) {
    for (std::size_t t = 0; t < op.inputs.size(); ++t)
      pools_.push_back(value_pool(f, op.inputs[t], 192, seed + t));
  }

  Plan make() {
    if (op_.independence == Independence::whole) {
      for (const Example& example : op_.examples)
        for (std::size_t fill = 0; fill < fills; ++fill) add(filled(op_, f_, example, static_cast<Fill>(fill), random_()));
      for (const Example& example : grown_examples(op_))
        if (Question q = filled(op_, f_, example, Fill::usual, random_()); !invalid(q)) add(std::move(q));
      whole_layouts();
      for (const Example& example : op_.examples) after_decoys(filled(op_, f_, example, Fill::usual, random_()));
    } else if (op_.independence == Independence::elementwise) {
      for (const Attributes& attributes : sets_) elementwise_values(attributes);
      elementwise_layouts();
    } else {
      for (const std::int64_t length : {1, 2, 3, 8, 17, 33, 100}) axis_values(length);
      axis_layouts();
    }
    if (op_.independence != Independence::whole)
      for (const std::int64_t n : {1, 8, 67, 1000}) after_decoys(usual_question(n));
    for (std::size_t i = 0; i < plan_.cases.size(); ++i) plan_.cases[i].origin = "plan:" + std::to_string(i);
    return std::move(plan_);
  }

 private:
  bool strided() const { return kernel_.has(KARAT_STRIDED); }

  void add(Question question) {
    Layout layout = base_layout(kernel_, f_, question);
    plan_.cases.push_back({std::move(question), layout, {}, 0, {}});
  }
  void add(Question question, Layout layout) {
    if (layout.placement.flush == host::Placement::Flush::end && layout.placement.offset == 0)
      layout.placement = base_layout(kernel_, f_, question).placement;
    plan_.cases.push_back({std::move(question), layout, {}, 0, {}});
  }

  Question drawn_question(const Shape& shape, std::int64_t axis = 0) {
    Question q{&op_, &f_, {}, sets_[0]};
    for (const auto& pool : pools_) q.inputs.push_back(drawn(shape, pool, random_));
    if (op_.independence == Independence::along_axis) q.attributes.values["axis"] = axis;
    return q;
  }

  Question usual_question(std::int64_t n) {
    Question q = drawn_question({n});
    for (std::size_t t = 0; t < q.inputs.size(); ++t)
      for (Bits& b : q.inputs[t].values) b = rounded(f_, uniform(random_, op_.inputs[t].typical.low, op_.inputs[t].typical.high));
    return q;
  }
  void after_decoys(Question question) {
    add(std::move(question));
    plan_.cases.back().decoys = true;
  }

  // The last input runs over values; the others are drawn, or 1 for a first look.
  void elementwise_values(const Attributes& attributes) {
    std::vector<std::vector<Bits>> lists;
    const InputRow& last = op_.inputs.back();
    if (f_.width == 16) {
      std::vector<Bits> all(65536);
      for (Bits b = 0; b < all.size(); ++b) all[b] = b;
      std::erase_if(all, [&](Bits b) { return !last.takes(to_double(f_, b)); });
      lists.push_back(std::move(all));
      plan_.exhaustive = op_.inputs.size() == 1;
    } else {
      lists.push_back(value_pool(f_, last, 12'000, random_()));
    }
    for (const auto& list : lists) {
      for (const bool ones : {true, false}) {
        if (ones && op_.inputs.size() == 1) continue;
        Question q{&op_, &f_, {}, attributes};
        const Shape shape{static_cast<std::int64_t>(list.size())};
        for (std::size_t t = 0; t + 1 < op_.inputs.size(); ++t) {
          q.inputs.push_back(drawn(shape, pools_[t], random_));
          if (ones) std::fill(q.inputs[t].values.begin(), q.inputs[t].values.end(), *exact_bits(f_, 1));
        }
        q.inputs.emplace_back(shape, list);
        add(std::move(q));
      }
    }
  }

  void elementwise_layouts() {
    const auto w = static_cast<std::size_t>(f_.bytes());
    for (const std::int64_t n : sizes()) {
      add(drawn_question({n}));
      if (n <= 4097) {
        Layout start;
        start.placement = {host::Placement::Flush::start, 0};
        add(drawn_question({n}), start);
      }
    }
    for (const Shape& shape : {Shape{}, Shape{3, 5}, Shape{2, 3, 4}, Shape{1, 1, 7}, Shape{0, 3}, Shape{3, 0},
                               Shape{5, 1}, Shape{2, 3, 1, 5}})
      add(drawn_question(shape));
    for (const std::int64_t n : {67, 257}) misaligned(drawn_question({n}), w);
    for (const std::int64_t n : {1, 67, 4097, 65'537, 300'007}) threaded(drawn_question({n}));
    for (const std::int64_t n : {1, 7, 64, 67, 1000, 4097}) in_place(drawn_question({n}));
    for (const Shape& shape : {Shape{67}, Shape{3, 5}, Shape{9, 17}, Shape{2, 3, 4}, Shape{33, 65}})
      gaps(shape, 0);
  }

  // The same bits wherever and however the tensors lie: one question an example, so that it is judged once.
  void whole_layouts() {
    constexpr std::pair<int, int> gap_pairs[] = {{2, 1}, {1, 2}, {3, 2}};
    for (std::size_t e = 0; e < op_.examples.size(); ++e) {
      const Question q = filled(op_, f_, op_.examples[e], Fill::usual, random_());
      if (e == 0) threaded(q);
      const std::size_t a = alignment_of(kernel_, f_);
      for (const std::size_t offset : {std::size_t{0}, a, (e + 2) * a}) {
        Layout layout;
        layout.placement = {host::Placement::Flush::start, offset % std::max<std::size_t>(64, a)};
        add(q, layout);
      }
      if (kernel_.has(KARAT_IN_PLACE)) {
        Layout layout;
        layout.in_place = true;
        bool any = false;
        for (std::size_t j = 0; j < op_.outputs.size(); ++j) any = any || place_of_output(q, layout, j);
        if (any) add(q, layout);
      }
      if (!strided()) continue;
      for (const bool column : {false, true}) {
        Layout layout;
        layout.placement = {host::Placement::Flush::start, 0};
        std::tie(layout.input_gap, layout.output_gap) = gap_pairs[e % std::size(gap_pairs)];
        layout.column_major = column;
        add(q, layout);
      }
    }
  }

  void misaligned(const Question& q, std::size_t width) {
    const std::size_t a = alignment_of(kernel_, f_);
    for (std::size_t offset = a; offset < 64 && a >= width; offset += a) {
      Layout layout;
      layout.placement = {host::Placement::Flush::start, offset};
      add(q, layout);
    }
  }
  void threaded(const Question& q) {
    for (const int threads : {2, 3, 5}) {
      Layout layout;
      layout.threads = threads;
      add(q, layout);
    }
  }
  void in_place(const Question& q) {
    if (!kernel_.has(KARAT_IN_PLACE)) return;
    Layout layout;
    layout.in_place = true;
    add(q, layout);
  }
  void gaps(const Shape& shape, std::int64_t axis) {
    if (!strided()) return;
    for (const auto& [in, out] : {std::pair{2, 1}, std::pair{1, 2}, std::pair{3, 2}})
      for (const bool column : {false, true}) {
        Layout layout;
        layout.placement = {host::Placement::Flush::start, 0};
        layout.input_gap = in;
        layout.output_gap = out;
        layout.column_major = column;
        add(drawn_question(shape, axis), layout);
        if (alignment_of(kernel_, f_) > static_cast<std::size_t>(f_.bytes())) continue;
        layout.placement.flush = host::Placement::Flush::end;
        plan_.cases.push_back({drawn_question(shape, axis), layout, {}, 0, {}});
      }
  }

  // Rows that are hard for a reduction, one beside the other in a tensor (rows, length).
  void axis_values(std::int64_t length) {
    const auto k = static_cast<std::size_t>(length);
    std::vector<std::vector<std::vector<Bits>>> rows;  // [row][input][k]
    const auto plain = [&](std::size_t t) {
      std::vector<Bits> v(k);
      for (Bits& b : v)
        b = rounded(f_, uniform(random_, op_.inputs[t].typical.low, op_.inputs[t].typical.high));
      return v;
    };
    const auto row_of = [&](std::vector<Bits> last) {
      std::vector<std::vector<Bits>> row;
      for (std::size_t t = 0; t + 1 < op_.inputs.size(); ++t) row.push_back(plain(t));
      row.push_back(std::move(last));
      rows.push_back(std::move(row));
    };
    const std::size_t last = op_.inputs.size() - 1;
    const InputRow& input = op_.inputs[last];
    for (int i = 0; i < 6; ++i) row_of(plain(last));
    std::vector<double> constants = input.directed;
    for (const double d : {0.0, 1.0, input.typical.low, input.typical.high}) constants.push_back(d);
    for (const double d : constants) {
      const Bits b = rounded(f_, d);
      if (!is_finite(f_, b) || !input.takes(to_double(f_, b))) continue;
      row_of(std::vector<Bits>(k, b));  // a constant row
      std::vector<Bits> one = plain(last);
      one[random_() % k] = b;  // one of them among usual ones
      row_of(std::move(one));
      std::vector<Bits> close(k);  // within a few units of each other
      for (Bits& v : close) v = from_ordinal(f_, ordinal(f_, b) + static_cast<std::int64_t>(random_() % 5));
      std::erase_if(close, [&](Bits v) { return !is_finite(f_, v) || !input.takes(to_double(f_, v)); });
      close.resize(k, b);
      row_of(std::move(close));
    }
    std::vector<Bits> special{f_.quiet_nan(), f_.max_finite(), f_.max_finite() | f_.sign_mask(),
                              f_.sign_mask(), Bits{1}};
    special.insert(special.end(), {f_.infinity(), f_.infinity() | f_.sign_mask()});
    std::erase_if(special, [&](Bits b) { return !input.takes(to_double(f_, b)); });
    for (const Bits b : special)
      for (const std::size_t position : {std::size_t{0}, k - 1}) {
        std::vector<Bits> v = plain(last);
        v[position] = b;
        row_of(std::move(v));
      }
    for (const Bits b : special) row_of(std::vector<Bits>(k, b));
    for (int i = 0; i < 4; ++i) {  // all exponents
      std::vector<Bits> v(k);
      for (Bits& b : v) do
          b = random_() & f_.mask();
        while (!is_finite(f_, b) || !input.takes(to_double(f_, b)));
      row_of(std::move(v));
    }
    Question q{&op_, &f_, {}, sets_[0]};
    q.attributes.values["axis"] = std::int64_t{1};
    for (std::size_t t = 0; t < op_.inputs.size(); ++t) {
      Tensor<Bits> tensor(Shape{static_cast<std::int64_t>(rows.size()), length});
      tensor.values.clear();
      for (const auto& row : rows) tensor.values.insert(tensor.values.end(), row[t].begin(), row[t].end());
      q.inputs.push_back(std::move(tensor));
    }
    add(std::move(q));
  }

  void axis_layouts() {
    // Usual values only: a NaN in a row would hide everything else in it.
    for (std::size_t t = 0; t < pools_.size(); ++t) {
      pools_[t].clear();
      for (int i = 0; i < 256; ++i)
        pools_[t].push_back(
            rounded(f_, uniform(random_, op_.inputs[t].typical.low, op_.inputs[t].typical.high)));
    }
    for (const std::int64_t n : sizes())
      if (n <= 1025) add(drawn_question({n}, 0));
    for (const std::int64_t rows : {1, 2, 3, 5, 17})
      for (const std::int64_t length : {1, 3, 8, 33, 100}) {
        add(drawn_question({rows, length}, 1));
        add(drawn_question({length, rows}, 0));
      }
    for (std::int64_t axis = 0; axis < 3; ++axis) add(drawn_question({2, 3, 4}, axis));
    add(drawn_question({2, 0}, 1));
    add(drawn_question({0, 3}, 1));
    for (const std::int64_t n : {67, 257})
      misaligned(drawn_question({2, n}, 1), static_cast<std::size_t>(f_.bytes()));
    threaded(drawn_question({64, 257}, 1));
    threaded(drawn_question({300, 40}, 1));
    for (const std::int64_t n : {1, 7, 100}) in_place(drawn_question({3, n}, 1));
    gaps({67}, 0);
    gaps({9, 17}, 1);
    gaps({9, 17}, 0);
    gaps({2, 3, 4}, 1);
  }

  const Operator& op_;
  const Format& f_;
  const host::KernelRow& kernel_;
  Random random_;
  std::vector<Attributes> sets_;
  std::vector<std::vector<Bits>> pools_;
  Plan plan_;
};

// A drawn value of an input, within its domain.
Bits usual_value(const Format& f, const InputRow& row, Random& random) {
  return rounded(f, uniform(random, row.typical.low, row.typical.high));
}

}  // namespace

Question filled(const Operator& op, const Format& f, const Example& example, Fill fill, std::uint64_t seed) {
  Random random(seed);
  Question q{&op, &f, {}, standard_attributes(op)};
  for (const auto& [name, value] : example.attributes) q.attributes.values[name] = value;
  for (std::size_t t = 0; t < op.inputs.size(); ++t) {
    const InputRow& row = op.inputs[t];
    Tensor<Bits> tensor(example.shapes.at(t));
    const auto given = example.values.find(row.name);
    const std::vector<Bits> pool = row.index ? std::vector<Bits>() : value_pool(f, row, 16, random());
    const Bits middle = usual_value(f, row, random);
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      Bits& b = tensor.values[i];
      if (given != example.values.end()) {
        const double v = given->second.at(i % given->second.size());
        b = row.index ? static_cast<Bits>(static_cast<std::int64_t>(v)) : rounded(f, v);
        continue;
      }
      b = usual_value(f, row, random);
      if (fill == Fill::directed && !row.directed.empty() && random() % 2 == 0) b = rounded(f, row.directed[random() % row.directed.size()]);
      if (fill == Fill::close) b = from_ordinal(f, ordinal(f, middle) + static_cast<std::int64_t>(random() % 5));
      if (fill == Fill::small) {
        constexpr double small[] = {1, -1, 2, 0.5, -2, 3, 0, 0.25, -0.5, -3, 4};
        b = rounded(f, small[random() % std::size(small)]);
        if (!row.takes(to_double(f, b))) b = rounded(f, row.typical.high >= 1 && random() % 2 == 0 ? 1 : 0.5);
      }
      if (fill == Fill::zeros && (t > 0 || op.inputs.size() == 1 || i % 2 == 0)) b = 0;
      if (fill == Fill::special && random() % 8 == 0) b = pool[random() % pool.size()];
      if (!row.takes(to_double(f, b))) b = usual_value(f, row, random);
    }
    q.inputs.push_back(std::move(tensor));
  }
  if (fill == Fill::close) {
    Question moved = q;
    for (std::size_t t = 0; t < op.inputs.size(); ++t)
      if (!op.inputs[t].index && example.values.contains(op.inputs[t].name))
        for (Bits& b : moved.inputs[t].values)
          if (const Bits near = rounded(f, to_double(f, b) * (1 + uniform(random, -0x1p-8, 0x1p-8))); op.inputs[t].takes(to_double(f, near))) b = near;
    if (!invalid(moved)) return moved;
  }
  if (fill == Fill::nan_at_end) {
    const std::size_t first = random() % op.inputs.size();
    for (std::size_t i = 0; i < op.inputs.size(); ++i) {
      const std::size_t t = (first + i) % op.inputs.size();
      if (op.inputs[t].index || q.inputs[t].values.empty() || example.values.contains(op.inputs[t].name)) continue;
      q.inputs[t].values.back() = f.quiet_nan();
      break;
    }
  }
  return q;
}

std::vector<Bits> special_values(const Format& f, bool infinities) {
  std::vector<Bits> values;
  std::vector<Bits> magnitudes{0,
                               1,
                               2,
                               f.min_normal() - 1,
                               f.min_normal(),
                               *exact_bits(f, 0.5),
                               *exact_bits(f, 1),
                               *exact_bits(f, 2),
                               f.max_finite()};
  if (infinities) magnitudes.push_back(f.infinity());
  for (const Bits m : magnitudes) {
    values.push_back(m);
    values.push_back(m | f.sign_mask());
  }
  values.push_back(f.quiet_nan());
  values.push_back(f.quiet_nan() | f.sign_mask());
  values.push_back(f.infinity() + 1);  // a signalling NaN with the lowest payload
  return values;
}

std::vector<Bits> value_pool(const Format& f, const InputRow& row, std::size_t random_values,
                             std::uint64_t seed) {
  Random random(seed);
  std::vector<Bits> pool = special_values(f, row.infinities);
  for (const double d : row.directed) {
    const Bits b = rounded(f, d);
    for (const std::int64_t step : {-1, 0, 1}) {
      const std::int64_t n = ordinal(f, b) + step;
      if (std::abs(n) < ordinal(f, f.infinity())) pool.push_back(from_ordinal(f, n));
    }
  }
  for (std::size_t i = 0; i < random_values; ++i) {
    Bits b = 0;
    switch (i % 4) {
      case 0:
      case 1:
        b = rounded(f, uniform(random, row.typical.low, row.typical.high));
        break;
      case 2:
        b = random() & f.mask();
        break;
      default: {  // a short dyadic: few bits, any exponent near 1
        const auto m = static_cast<double>(1 + random() % 15);
        b = rounded(f, std::ldexp((random() & 1) != 0 ? m : -m, static_cast<int>(random() % 24) - 16));
      }
    }
    if (is_nan(f, b) || !row.takes(to_double(f, b))) b = rounded(f, uniform(random, row.typical.low, row.typical.high));
    pool.push_back(b);
  }
  std::erase_if(pool, [&](Bits b) { return !row.takes(to_double(f, b)); });
  return pool;
}

std::vector<Attributes> attribute_sets(const Operator& op) {
  std::size_t count = 1;
  for (const AttributeRow& row : op.attributes) count = std::max(count, row.directed.size());
  std::vector<Attributes> sets{standard_attributes(op)};
  for (std::size_t i = 0; i < count; ++i) {
    Attributes a = standard_attributes(op);
    for (const AttributeRow& row : op.attributes)
      if (!row.directed.empty()) a.values[row.name] = row.directed[i % row.directed.size()];
    if (std::find(sets.begin(), sets.end(), a) == sets.end()) sets.push_back(std::move(a));
  }
  return sets;
}

Layout base_layout(const host::KernelRow& kernel, const Format& f, const Question& question) {
  Layout layout;
  // Tensors of several shapes cannot all end at the page's end with one offset, if the kernel
  // wants more than its elements' alignment: they begin at the page's begin then.
  const bool whole = question.op->independence == Independence::whole;
  if (whole && alignment_of(kernel, f) > static_cast<std::size_t>(f.bytes())) {
    layout.placement = {host::Placement::Flush::start, 0};
    return layout;
  }
  const auto count = whole ? std::size_t{0} : static_cast<std::size_t>(element_count(question.inputs[0].shape));
  layout.placement = at_end(kernel, f, count * static_cast<std::size_t>(f.bytes()));
  return layout;
}

Plan plan(const Operator& op, const Format& f, const host::KernelRow& kernel, std::uint64_t seed) {
  return Planner(op, f, kernel, seed).make();
}

}  // namespace karat::properties
