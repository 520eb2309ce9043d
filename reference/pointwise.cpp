// SPDX-License-Identifier: MIT
#include "reference/pointwise.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "reference/exact.hpp"

namespace karat {
namespace {

constexpr int quick_precision = 64;

// Shapes of one element each give one element, and of n give n.
bool keeps_shapes(const Operator& op, const Attributes& attributes) {
  for (const std::int64_t n : {1, 3}) {
    try {
      if (op.shapes(Shapes(op.inputs.size(), Shape{n}), attributes) != Shapes{{n}}) return false;
    } catch (const Refused&) {
      return false;
    }
  }
  return true;
}

// What the row says; where it says nothing, what the formula makes of numbers that no enclosure bounds.
std::vector<Specials> specials_of(const Operator& op, const Tensors<double>& inputs, const Attributes& attributes) {
  const std::size_t count = inputs[0].values.size();
  std::vector<Specials> said = op.specials ? op.specials(inputs, attributes) : std::vector<Specials>(count);
  const Format& f = format(Dtype::f64);
  for (std::size_t i = 0; i < count; ++i) {
    if (!said[i].empty()) continue;
    Question one{&op, &f, {}, attributes};
    Tensors<Enclosure> at;
    for (const Tensor<double>& x : inputs) {
      one.inputs.emplace_back(Shape{1}, std::vector<Bits>{*exact_bits(f, x.values[i])});
      at.emplace_back(Shape{1}, std::vector<Enclosure>{Enclosure(x.values[i])});
    }
    try {
      const PrecisionScope scope(quick_precision);
      if (op.enclose(at, attributes)[0].values[0].is_bounded()) continue;
    } catch (const Undecided&) {  // NaN, or the precision: asked below
    }
    said[i] = karat::specials(one)[0];
  }
  return said;
}

std::unique_ptr<const Operator> view_of(const Operator& op) {
  const auto reduction = std::find_if(op.attributes.begin(), op.attributes.end(), [](const AttributeRow& a) { return a.name == "reduction" && a.kind == AttributeRow::Kind::text; });
  if (op.independence != Independence::whole || op.outputs.size() != 1 || reduction == op.attributes.end()) return nullptr;
  if (std::any_of(op.inputs.begin(), op.inputs.end(), [](const InputRow& input) { return input.index || input.optional; })) return nullptr;
  Operator view = op;
  AttributeRow& row = view.attributes[static_cast<std::size_t>(reduction - op.attributes.begin())];
  if (std::find(row.choices.begin(), row.choices.end(), "none") == row.choices.end()) return nullptr;
  row.choices = {"none"};
  if (!keeps_shapes(op, standard_attributes(view))) return nullptr;
  view.independence = Independence::elementwise;
  view.shapes = nullptr;
  view.refuse = nullptr;  // domains of the inputs say the same
  view.compensated = nullptr;
  view.examples.clear();
  view.batched.clear();
  view.laws.clear();
  view.specials = [&op](const Tensors<double>& inputs, const Attributes& attributes) { return specials_of(op, inputs, attributes); };
  return std::make_unique<const Operator>(std::move(view));
}

}  // namespace

const Operator* pointwise(const Operator& op) {
  if (op.independence == Independence::elementwise) return &op;
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<const Operator>> views;
  const std::scoped_lock lock(mutex);
  auto [view, fresh] = views.try_emplace(op.name);
  if (fresh) view->second = view_of(op);
  return view->second.get();
}

}  // namespace karat
