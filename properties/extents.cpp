// SPDX-License-Identifier: MIT
#include "properties/extents.hpp"

#include <algorithm>

#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

// More places than these are moved together by no operator.
constexpr std::size_t most_together = 7, most_unequal = 3;

std::size_t gradients_of(const Operator& op) {
  const Operator* forward = op.independence == Independence::whole ? properties::forward_of(op) : nullptr;
  return forward ? forward->outputs.size() : 0;
}

// Calls visit(subset) for each subset of `size` of 0 … n − 1 until one returns true.
template <class Visit>
bool any_subset(std::size_t n, std::size_t size, Visit visit) {
  if (size > n) return false;
  std::vector<std::size_t> chosen(size);
  for (std::size_t i = 0; i < size; ++i) chosen[i] = i;
  for (;;) {
    if (visit(chosen)) return true;
    std::size_t i = size;
    while (i > 0 && chosen[i - 1] == n - size + i - 1) --i;
    if (i == 0) return false;
    ++chosen[i - 1];
    for (; i < size; ++i) chosen[i] = chosen[i - 1] + 1;
  }
}

}  // namespace

bool takes(const Operator& op, const Shapes& inputs, const Attributes& attributes) {
  if (inputs.size() != op.inputs.size()) return false;
  if (op.independence != Independence::whole) {
    const auto axis = attributes.values.find("axis");
    return std::all_of(inputs.begin(), inputs.end(), [&](const Shape& s) { return s == inputs[0]; }) &&
           (op.independence == Independence::elementwise || (axis != attributes.values.end() && std::get<std::int64_t>(axis->second) < static_cast<std::int64_t>(inputs[0].size())));
  }
  try {
    op.output_shapes(inputs, attributes);
    return true;
  } catch (const Refused&) {
    return false;
  }
}

Shapes with_gradients(const Operator& op, Shapes inputs, const Attributes& attributes) {
  const std::size_t gradients = gradients_of(op);
  if (gradients == 0) return inputs;
  const Shapes dy = properties::forward_of(op)->output_shapes(Shapes(inputs.begin() + static_cast<std::ptrdiff_t>(gradients), inputs.end()), attributes);
  std::copy(dy.begin(), dy.end(), inputs.begin());
  return inputs;
}

Extents::Extents(const Operator& op, Shapes inputs, Attributes attributes)
    : op_(&op), inputs_(std::move(inputs)), attributes_(std::move(attributes)), first_root_(gradients_of(op)) {
  if (!takes(op, inputs_, attributes_)) {
    if (op.independence == Independence::whole) op.output_shapes(inputs_, attributes_);  // says why
    throw Refused("the inputs of " + op.name + " must have one shape");
  }
  for (std::size_t t = first_root_; t < inputs_.size(); ++t)
    for (std::size_t d = 0; d < inputs_[t].size(); ++d) {
      const Place place{t, d};
      if (inputs_[t][d] == 0 || grouped(place)) continue;
      if (auto group = group_of(place)) groups_.push_back(std::move(*group));
    }
}

bool Extents::grouped(const Place& place) const {
  for (const Group& g : groups_)
    for (const Place& p : g.places)
      if (p.input == place.input && p.axis == place.axis) return true;
  return false;
}

// The fewest places that must be doubled with this one: of equal extents if that is enough.
std::optional<Extents::Group> Extents::group_of(const Place& first) const {
  std::vector<Place> others;
  for (std::size_t t = first_root_; t < inputs_.size(); ++t)
    for (std::size_t d = 0; d < inputs_[t].size(); ++d) {
      const Place p{t, d};
      if (inputs_[t][d] > 0 && !grouped(p) && !(t == first.input && d == first.axis)) others.push_back(p);
    }
  const std::int64_t extent = inputs_[first.input][first.axis];
  const auto equal_end = std::stable_partition(others.begin(), others.end(), [&](const Place& p) { return inputs_[p.input][p.axis] == extent; });
  const auto equal = static_cast<std::size_t>(equal_end - others.begin());
  std::optional<Group> found;
  const auto search = [&](std::size_t among, std::size_t most) {
    for (std::size_t size = 0; size <= most && size <= among && !found; ++size)
      any_subset(among, size, [&](const std::vector<std::size_t>& chosen) {
        std::vector<Place> places{first};
        for (const std::size_t i : chosen) places.push_back(others[i]);
        if (!scaled(places, 2, 1)) return false;
        found = Group{std::move(places), extent};
        return true;
      });
  };
  search(equal, most_together);
  if (!found) search(others.size(), most_unequal);
  return found;
}

std::optional<Shapes> Extents::scaled(const std::vector<Place>& places, std::int64_t numerator, std::int64_t denominator) const {
  Shapes shapes = inputs_;
  for (const Place& p : places) {
    std::int64_t& extent = shapes[p.input][p.axis];
    if (extent * numerator % denominator != 0) return std::nullopt;
    extent = extent * numerator / denominator;
  }
  try {
    shapes = with_gradients(*op_, std::move(shapes), attributes_);
  } catch (const Refused&) {
    return std::nullopt;
  }
  return takes(*op_, shapes, attributes_) ? std::optional(std::move(shapes)) : std::nullopt;
}

std::vector<std::int64_t> Extents::values() const {
  std::vector<std::int64_t> v;
  for (const Group& g : groups_) v.push_back(g.extent);
  return v;
}

std::optional<Shapes> Extents::with(const std::vector<std::int64_t>& values) const {
  Shapes shapes = inputs_;
  for (std::size_t g = 0; g < groups_.size(); ++g)
    for (const Place& p : groups_[g].places) {
      const std::int64_t extent = inputs_[p.input][p.axis];
      if (extent * values[g] % groups_[g].extent != 0) return std::nullopt;
      shapes[p.input][p.axis] = extent * values[g] / groups_[g].extent;
    }
  try {
    shapes = with_gradients(*op_, std::move(shapes), attributes_);
  } catch (const Refused&) {
    return std::nullopt;
  }
  return takes(*op_, shapes, attributes_) ? std::optional(std::move(shapes)) : std::nullopt;
}

std::vector<std::int64_t> Extents::smallest(std::int64_t least) const {
  std::vector<std::int64_t> v = values();
  for (std::size_t g = 0; g < v.size(); ++g) {
    const std::int64_t now = v[g];
    for (v[g] = std::min(least, now); v[g] < now && !with(v); ++v[g]) {
    }
  }
  return v;
}

}  // namespace karat::properties
