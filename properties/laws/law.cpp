// SPDX-License-Identifier: MIT
#include "properties/laws/law.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace karat::properties {
namespace {

std::vector<Law>& registry() {
  static std::vector<Law> all;
  return all;
}

}  // namespace

LawRow::LawRow(Law law) {
  auto& all = registry();
  all.insert(std::upper_bound(all.begin(), all.end(), law, [](const Law& a, const Law& b) { return a.name < b.name; }), std::move(law));
}

std::span<const Law> laws() { return registry(); }

const Law* find_law(std::string_view name) {
  for (const Law& law : registry())
    if (law.name == name) return &law;
  return nullptr;
}

std::optional<LawUse> parse_law(std::string_view text) {
  const std::size_t space = text.find_first_of(" :");
  const Law* law = find_law(text.substr(0, space));
  if (!law) return std::nullopt;
  return LawUse{law, space == std::string_view::npos ? std::string() : std::string(text.substr(space + 1))};
}

std::vector<LawUse> laws_of(const Operator& op) {
  std::vector<LawUse> uses;
  for (const std::string& text : op.laws) {
    const auto use = parse_law(text);
    if (!use) throw std::logic_error("the row of " + op.name + " names a law that there is not: " + text);
    uses.push_back(*use);
  }
  for (const Law& law : registry())
    if (law.applies && law.applies(op)) uses.push_back({&law, {}});
  return uses;
}

std::optional<std::size_t> input_named(const Operator& op, std::string_view name) {
  for (std::size_t t = 0; t < op.inputs.size(); ++t)
    if (op.inputs[t].name == name) return t;
  return std::nullopt;
}

const Operator* forward_of(const Operator& op) {
  constexpr std::string_view suffix = "_backward";
  if (!op.name.ends_with(suffix)) return nullptr;
  const Operator* forward = find_operator(op.name.substr(0, op.name.size() - suffix.size()));
  return forward && forward->dual && op.inputs.size() == forward->inputs.size() + forward->outputs.size() ? forward : nullptr;
}

double number_at(const Question& q, std::size_t input, std::size_t i) { return to_double(*q.format, q.inputs[input].values[i]); }

std::optional<Question> changed(const Question& q, std::size_t input, const std::function<double(double, std::size_t)>& f) {
  Question other = q;
  auto& values = other.inputs[input].values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = exact_bits(*q.format, f(number_at(q, input, i), i));
    if (!bits || is_nan(*q.format, *bits)) return std::nullopt;
    values[i] = *bits;
  }
  if (invalid(other)) return std::nullopt;
  return other;
}

std::optional<Question> on_a_grid(const Question& q, std::size_t input) {
  const double step = std::ldexp(1.0, 3 - std::min(q.format->precision - 2, 20));
  return changed(q, input, [&](double x, std::size_t) { return std::isfinite(x) ? std::fmod(std::trunc(x / step) * step, 8.0) : 0; });
}

Relation equal(std::size_t a, std::size_t b) { return {Relation::Must::equal, {{0, a, 1}, {1, b, -1}}, 0}; }

std::vector<Relation> all_equal(std::size_t count) {
  std::vector<Relation> relations;
  for (std::size_t i = 0; i < count; ++i) relations.push_back(equal(i, i));
  return relations;
}

}  // namespace karat::properties
