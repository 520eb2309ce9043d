// SPDX-License-Identifier: MIT
// For the tests of adapters: calls of operators whose tensors differ in shape, compared with `plain`, the
// textbook kernels.  Loosely: does the row compute its operator?  Errors are the judge's to measure.
#pragma once

#include <functional>
#include <variant>

#include "plugins/plugin_testing.hpp"

namespace karat::plugin_testing {

using Extents = std::vector<std::int64_t>;

// A tensor of a call, and what it holds: numbers from low to high, or integers from 0 to classes − 1.
struct Given {
  std::string name;
  Extents shape;
  std::int32_t role = KARAT_INPUT;
  double low = -2, high = 2;
  std::int64_t classes = 0;
  std::function<double(std::int64_t)> value = {};  // of element i, where the range does not do
};
inline Given given(std::string name, Extents shape, double low = -2, double high = 2) {
  return {std::move(name), std::move(shape), KARAT_INPUT, low, high};
}
inline Given indices(std::string name, Extents shape, std::int64_t classes) {
  return {std::move(name), std::move(shape), KARAT_INPUT, 0, 0, classes};
}
inline Given output(std::string name, Extents shape) {
  return {std::move(name), std::move(shape), KARAT_OUTPUT};
}
inline Given state(std::string name, Extents shape, double low = -2, double high = 2) {
  return {std::move(name), std::move(shape), KARAT_INOUT, low, high};
}

using AttributeValue = std::variant<double, std::int64_t, std::string, Extents>;
struct Scene {
  std::string op;
  std::vector<Given> tensors;
  std::vector<std::pair<std::string, AttributeValue>> attributes = {};
};
inline std::pair<std::string, AttributeValue> integer(std::string name, std::int64_t value) {
  return {std::move(name), value};
}

// One call of a row on a scene, and its memory.
class SceneCall {
 public:
  SceneCall(const karat_kernel& row, const Scene& scene, Layout layout = {}) : row_(row), scene_(scene) {
    const std::size_t count = scene.tensors.size();
    tensors_.resize(count);
    strides_.resize(count);
    for (std::size_t t = 0; t < count; ++t) {
      const Given& g = scene.tensors[t];
      std::int64_t step = layout.strided ? 2 : 1, last = 0;
      strides_[t].resize(g.shape.size());
      for (std::size_t d = g.shape.size(); d-- > 0;) {
        strides_[t][d] = step;
        last += step * (g.shape[d] - 1);
        step = step * std::max<std::int64_t>(g.shape[d], 1) + (layout.strided ? 1 : 0);
      }
      const std::size_t elements = size(t) == 0 ? 0 : static_cast<std::size_t>(last) + 1;
      const std::size_t behind = g.role == KARAT_INPUT ? static_cast<std::size_t>(row.over_read) : 0;
      memory_.emplace_back(elements * bytes(t) + behind, layout.at_end, layout.offset * bytes(t));
      for (std::int64_t i = 0; i < size(t); ++i) put(t, i, initial(t, i));
      tensors_[t] = {sizeof(karat_tensor),
                     g.name.c_str(),
                     g.role,
                     dtype(t),
                     memory_[t].data(),
                     static_cast<std::int32_t>(g.shape.size()),
                     0,
                     g.shape.data(),
                     strides_[t].data()};
    }
    for (const auto& [name, value] : scene.attributes) {
      karat_attribute a{sizeof(karat_attribute), name.c_str(), 0, 0, 0, 0, nullptr, nullptr};
      if (const auto* number = std::get_if<double>(&value)) a.kind = KARAT_NUMBER, a.number = *number;
      if (const auto* integer = std::get_if<std::int64_t>(&value))
        a.kind = KARAT_INTEGER, a.integer = *integer;
      if (const auto* text = std::get_if<std::string>(&value)) a.kind = KARAT_TEXT, a.text = text->c_str();
      if (const auto* list = std::get_if<Extents>(&value))
        a.kind = KARAT_LIST, a.list = list->data(), a.list_length = static_cast<std::int32_t>(list->size());
      attributes_.push_back(a);
    }
    for (const auto& t : tensors_) tensor_pointers_.push_back(&t);
    for (const auto& a : attributes_) attribute_pointers_.push_back(&a);
    call_ = {sizeof(karat_call),
             tensor_pointers_.data(),
             static_cast<std::int32_t>(count),
             static_cast<std::int32_t>(attributes_.size()),
             attribute_pointers_.data(),
             layout.threads,
             0,
             nullptr,
             0};
  }
  SceneCall(const SceneCall&) = delete;

  bool supported(std::string* reason = nullptr) {
    const char* text = nullptr;
    std::vector<void*> data;
    for (auto& t : tensors_) data.push_back(std::exchange(t.data, nullptr));
    const bool yes = !row_.supports || row_.supports(&row_, &call_, &text);
    for (std::size_t t = 0; t < data.size(); ++t) tensors_[t].data = data[t];
    if (!yes && reason) *reason = text ? text : "";
    return yes;
  }
  std::int32_t run() {
    for (std::size_t t = 0; t < tensors_.size(); ++t)
      if (tensors_[t].role == KARAT_INPUT) memory_[t].forbid_writing();
    return row_.run(&row_, &call_);
  }
  std::int64_t size(std::size_t t) const {
    std::int64_t n = 1;
    for (const std::int64_t extent : scene_.tensors[t].shape) n *= extent;
    return n;
  }
  double get(std::size_t t, std::int64_t i) const {
    std::uint64_t bits = 0;
    std::memcpy(&bits, element(t, i), bytes(t));
    return dtype(t) == KARAT_I64 ? static_cast<double>(bits) : decode(bits, dtype(t));
  }
  // Of what the call was not to write: around each tensor that it may write.
  bool wrote_outside() const {
    for (std::size_t t = 0; t < tensors_.size(); ++t)
      if (tensors_[t].role != KARAT_INPUT && !memory_[t].canaries_stand()) return true;
    return false;
  }

 private:
  std::int32_t dtype(std::size_t t) const {
    return scene_.tensors[t].classes ? static_cast<std::int32_t>(KARAT_I64) : row_.dtype;
  }
  std::size_t bytes(std::size_t t) const { return dtype(t) == KARAT_I64 ? 8 : format_of(row_.dtype).bytes; }
  unsigned char* element(std::size_t t, std::int64_t i) const {
    std::int64_t offset = 0;
    const Extents& shape = scene_.tensors[t].shape;
    for (std::size_t d = shape.size(); d-- > 0; i /= shape[d]) offset += i % shape[d] * strides_[t][d];
    return memory_[t].data() + static_cast<std::size_t>(offset) * bytes(t);
  }
  double initial(std::size_t t, std::int64_t i) const {
    const Given& g = scene_.tensors[t];
    if (g.role == KARAT_OUTPUT) return std::numeric_limits<double>::quiet_NaN();
    if (g.value) return g.value(i);
    if (g.classes) return static_cast<double>((i * 7 + 3) % g.classes);
    return g.low +
           static_cast<double>((i * 37 + 11 * static_cast<std::int64_t>(t) + 5) % 97) / 96 * (g.high - g.low);
  }
  void put(std::size_t t, std::int64_t i, double value) {
    const std::uint64_t bits =
        dtype(t) == KARAT_I64 ? static_cast<std::uint64_t>(value) : encode(value, dtype(t));
    std::memcpy(element(t, i), &bits, bytes(t));
  }

  const karat_kernel& row_;
  const Scene& scene_;
  std::vector<Extents> strides_;
  std::vector<Guarded> memory_;
  std::vector<karat_tensor> tensors_;
  std::vector<const karat_tensor*> tensor_pointers_;
  std::vector<karat_attribute> attributes_;
  std::vector<const karat_attribute*> attribute_pointers_;
  karat_call call_{};
};

// Runs the row and that of `plain` on the scene.  Empty if they agree, else the first difference.
inline std::string difference(const karat_kernel& row, const Plugin& plain, const Scene& scene,
                              Layout layout = {}) {
  const karat_kernel* textbook = plain.kernel(scene.op, row.dtype);
  if (!textbook || scene.op != row.op) return "no textbook kernel of " + scene.op;
  SceneCall got(row, scene, layout), want(*textbook, scene);
  std::string reason;
  if (!got.supported(&reason)) return "declined: " + reason;
  if (const auto status = got.run(); status != KARAT_OK) return "run returned " + std::to_string(status);
  if (want.run() != KARAT_OK) return "the textbook kernel failed";
  const double allowed = std::fmax(64 * std::ldexp(1, 1 - format_of(row.dtype).precision), 0x1p-12);
  for (std::size_t t = 0; t < scene.tensors.size(); ++t)
    for (std::int64_t i = 0; scene.tensors[t].role != KARAT_INPUT && i < got.size(t); ++i) {
      const double g = got.get(t, i), w = want.get(t, i);
      if (!(std::fabs(g - w) <= allowed * std::fmax(std::fabs(w), 1)) && !(std::isnan(g) && std::isnan(w)) &&
          g != w)
        return scene.tensors[t].name + " element " + std::to_string(i) + ": got " + std::to_string(g) +
               ", expected " + std::to_string(w);
    }
  return got.wrote_outside() ? "wrote outside an output" : "";
}

// Calls of every operator that some library has (scenes_testing.cpp).
const std::vector<Scene>& scenes();

// What became of a row on the scenes of its operator.
struct Outcome {
  int agreed = 0;
  std::vector<std::string> declined;   // reasons
  std::vector<std::string> differing;  // what difference() says, with the number of the scene
};
inline Outcome outcome(const karat_kernel& row, const Plugin& plain, Layout layout = {}) {
  Outcome o;
  for (std::size_t i = 0; i < scenes().size(); ++i) {
    if (scenes()[i].op != row.op) continue;
    const std::string what = difference(row, plain, scenes()[i], layout);
    if (what.empty())
      ++o.agreed;
    else if (what.starts_with("declined: "))
      o.declined.push_back(what.substr(10));
    else
      o.differing.push_back("scene " + std::to_string(i) + ": " + what);
  }
  return o;
}

}  // namespace karat::plugin_testing
