// SPDX-License-Identifier: MIT
#include "bench/call.hpp"

#include <algorithm>
#include <optional>
#include <sstream>

#include "properties/extents.hpp"
#include "properties/laws/law.hpp"
#include "properties/nearest.hpp"
#include "properties/replay.hpp"
#include "reference/exact.hpp"

namespace karat::bench {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 28;

// "8x64x56x56"
std::optional<Shape> shape_from(const std::string& text) {
  if (text == "scalar") return Shape{};
  Shape shape;
  std::istringstream in(text);
  for (std::string extent; std::getline(in, extent, 'x');) {
    if (extent.empty() || extent.size() > 10 || extent.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
    shape.push_back(std::stoll(extent));
  }
  if (shape.empty() || text.back() == 'x') return std::nullopt;
  return shape;
}

bool too_large(const Shape& shape) {
  std::int64_t elements = 1;
  for (const std::int64_t extent : shape) elements = extent > most_elements ? extent : std::min(most_elements + 1, elements * extent);
  return elements > most_elements;
}

// An output of the forward operator that a backward one takes the gradient of.
bool follows(const Operator& op, std::size_t input) {
  const Operator* forward = op.independence == Independence::whole ? properties::forward_of(op) : nullptr;
  return forward && input < forward->outputs.size();
}

}  // namespace

Call call_from(const std::string& text) {
  std::istringstream words(text);
  std::string first;
  words >> first;
  if (first.empty() || first.find('=') != std::string::npos) return {"", text};
  if (!find_operator(first)) throw properties::ReplayError(properties::unknown("operator", first, properties::operator_names()));
  std::string rest;
  std::getline(words >> std::ws, rest);
  return {first, rest};
}

CallShapes shapes_of_call(const Operator& op, const Format& f, const std::string& text) {
  using properties::ReplayError;
  CallShapes call;
  call.inputs.assign(op.inputs.size(), Shape{0});
  std::vector<bool> named(op.inputs.size(), false);
  std::string attributes;
  bool axis_named = false;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const std::string name = word.substr(0, word.find('='));
    const auto row = std::find_if(op.inputs.begin(), op.inputs.end(), [&](const InputRow& r) { return r.name == name; });
    if (row == op.inputs.end() || word.size() == name.size()) {
      attributes += (attributes.empty() ? "" : " ") + word;
      axis_named = axis_named || name == "axis";
      continue;
    }
    const auto t = static_cast<std::size_t>(row - op.inputs.begin());
    const auto shape = shape_from(word.substr(name.size() + 1));
    if (!shape) throw ReplayError(word + ": expected the shape of input " + name + ", such as " + name + "=8x64, or " + name + "=scalar");
    if (too_large(*shape)) throw ReplayError(word + ": expected at most " + std::to_string(most_elements) + " elements");
    call.inputs[t] = *shape;
    named[t] = true;
  }
  const bool whole = op.independence == Independence::whole;
  if (const auto any = std::find(named.begin(), named.end(), true); !whole && any != named.end())
    for (std::size_t t = 0; t < op.inputs.size(); ++t)
      if (!named[t]) call.inputs[t] = call.inputs[static_cast<std::size_t>(any - named.begin())], named[t] = true;
  bool gradients = false;
  for (std::size_t t = 0; t < op.inputs.size(); ++t) {
    if (named[t] || op.inputs[t].optional) continue;
    if (!follows(op, t)) throw ReplayError("input " + op.inputs[t].name + " of " + op.name + " has no shape: a call must say " + op.inputs[t].name + "=…, such as " + op.inputs[t].name + "=8x64");
    gradients = true;
  }
  call.attributes = properties::parse_attributes(op, f, attributes);
  if (op.independence == Independence::along_axis && !axis_named && !call.inputs[0].empty())
    call.attributes.values["axis"] = static_cast<std::int64_t>(call.inputs[0].size()) - 1;
  try {
    if (gradients) {
      const Shapes given = call.inputs;
      call.inputs = properties::with_gradients(op, call.inputs, call.attributes);
      for (std::size_t t = 0; t < given.size(); ++t)
        if (named[t]) call.inputs[t] = given[t];
    }
    if (whole) op.output_shapes(call.inputs, call.attributes);
  } catch (const Refused& refused) {
    throw ReplayError(refused.what());
  }
  if (!properties::takes(op, call.inputs, call.attributes)) throw ReplayError("the inputs of " + op.name + " must have one shape, and the axis must be one of it");
  return call;
}

}  // namespace karat::bench
