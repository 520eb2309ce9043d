// SPDX-License-Identifier: MIT
#include "properties/judge.hpp"

#include <tbb/task_scheduler_observer.h>

#include <algorithm>
#include <array>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstring>
#include <string>
#include <unordered_map>

#include "properties/parallel.hpp"
#include "properties/whole_tensor.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {
namespace {

// MPFR and FLINT cache constants in each thread; TBB's threads free them when they leave.
class FreeCaches : public tbb::task_scheduler_observer {
 public:
  FreeCaches() { observe(true); }
  ~FreeCaches() override { observe(false); }
  void on_scheduler_exit(bool is_worker) override {
    if (!is_worker) return;
    const NumberCaches freed_at_the_end_of_this_scope;
  }
};

void append(std::string& key, const void* data, std::size_t bytes) {
  key.append(static_cast<const char*>(data), bytes);
}

// What a judgement depends on: attributes, inputs and result of one unit.
std::string key_of(const std::string& attributes, const Unit& unit, std::span<const Bits> got) {
  std::string key = attributes;
  for (const Tensor<Bits>& tensor : unit.question.inputs) {
    if (unit.question.op->independence == Independence::whole) key += karat::to_text(tensor.shape);
    append(key, tensor.values.data(), tensor.values.size() * sizeof(Bits));
  }
  append(key, got.data(), got.size() * sizeof(Bits));
  return key;
}

std::string text_of(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes.values) {
    if (name == "axis") continue;  // units lie along axis 0
    text += name;
    if (const auto* number = std::get_if<double>(&value)) append(text, number, sizeof *number);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) append(text, integer, sizeof *integer);
    if (const auto* word = std::get_if<std::string>(&value)) text += *word;
    if (const auto* list = std::get_if<std::vector<std::int64_t>>(&value)) append(text, list->data(), list->size() * sizeof(std::int64_t));
    text += ';';
  }
  return text;
}

}  // namespace

namespace {

// An element of an elementwise operator: its inputs and its result.
struct Element {
  static constexpr std::size_t most_inputs = 3;
  std::array<Bits, most_inputs + 1> bits{};
  bool operator==(const Element&) const = default;
};
struct ElementHash {
  using is_avalanching = void;
  std::size_t operator()(const Element& e) const {
    std::uint64_t h = 0;
    for (const Bits b : e.bits) {
      h = (h ^ b) * 0x9e3779b97f4a7c15u;
      h ^= h >> 32;
    }
    return h;
  }
};

}  // namespace

struct Judge::Memory {
  std::unordered_map<std::string, std::vector<Judgement>> known;
  // By attributes; then a place in `judged`.
  std::unordered_map<std::string, boost::unordered_flat_map<Element, std::size_t, ElementHash>> elements;
  std::vector<Judgement> judged;
  static constexpr std::size_t limit = std::size_t{1} << 19;  // units

  // Elements are many and small: no unit is made of one that was seen before.
  std::vector<Judgement> by_element(const Question& q, std::span<const Bits> got, const Level& level) {
    if (judged.size() > 4 * limit) {
      elements.clear();
      judged.clear();
    }
    auto& own = elements[text_of(q.attributes)];
    std::vector<std::size_t> place(got.size()), fresh;
    const std::size_t before = judged.size();
    for (std::size_t i = 0; i < got.size(); ++i) {
      Element e;
      for (std::size_t t = 0; t < q.inputs.size(); ++t) e.bits[t] = q.inputs[t].values[i];
      e.bits[Element::most_inputs] = got[i];
      const auto [entry, is_new] = own.try_emplace(e, before + fresh.size());
      place[i] = entry->second;
      if (is_new) fresh.push_back(i);
    }
    judged.resize(before + fresh.size());
    parallel_ranges(0, fresh.size(), 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t k = begin; k < end; ++k) judged[before + k] = judge_unit(unit(q, fresh[k]), got.subspan(fresh[k], 1), level)[0];
    });
    std::vector<Judgement> result;
    result.reserve(got.size());
    for (const std::size_t p : place) result.push_back(judged[p]);
    return result;
  }
};

Judge::Judge(Level level) : level_(level), memory_(std::make_unique<Memory>()) {}
Judge::~Judge() = default;
Judge::Judge(Judge&&) noexcept = default;

std::vector<Judgement> Judge::operator()(const Question& question, std::span<const Bits> got) {
  static FreeCaches free_caches;
  if (question.op->independence == Independence::elementwise && question.inputs.size() <= Element::most_inputs)
    return memory_->by_element(question, got, level_);
  if (takes_whole_tensors(question, level_)) {
    std::vector<Judgement> all = judge_whole_tensors(question, got, level_);
    if (std::none_of(all.begin(), all.end(), [](const Judgement& j) { return j.error; })) return all;
  }
  std::vector<Judgement> result(got.size());
  const std::size_t count = unit_count(question);
  const std::string attributes = text_of(question.attributes);
  if (memory_->known.size() > Memory::limit) memory_->known.clear();

  struct Task {
    Unit unit;
    std::vector<Bits> got;
    std::vector<Judgement>* answer;
  };
  std::vector<Task> tasks;
  std::vector<std::pair<std::vector<std::size_t>, const std::vector<Judgement>*>> places;
  places.reserve(count);
  for (std::size_t u = 0; u < count; ++u) {
    Unit part = unit(question, u);
    std::vector<Bits> results;
    for (const std::size_t i : part.outputs) results.push_back(got[i]);
    const auto [entry, fresh] = memory_->known.try_emplace(key_of(attributes, part, results));
    places.emplace_back(part.outputs, &entry->second);
    if (fresh) tasks.push_back({std::move(part), std::move(results), &entry->second});
  }
  parallel_ranges(0, tasks.size(), 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = begin; t < end; ++t)
      *tasks[t].answer = judge_unit(tasks[t].unit, tasks[t].got, level_);
  });
  for (const auto& [outputs, answer] : places)
    for (std::size_t k = 0; k < outputs.size(); ++k) result[outputs[k]] = (*answer)[k];
  return result;
}

}  // namespace karat::properties
