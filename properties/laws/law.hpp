// SPDX-License-Identifier: MIT
// Laws: what the results of calls that belong together must have to do with each other, whatever the
// results are.  A law makes, from one question, the calls and the relations between elements of
// their results; whoever runs it supplies the results: a kernel's, within what its level allows, or
// the exact ones (laws_test.cpp), for which every relation holds as it stands.
//
// A law is a file here that ends in its row; an operator's row names it (`laws`), with an argument
// behind a space where it takes one: "linear_in x".
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reference/exact.hpp"

namespace karat::properties {

struct Relation {
  struct Term {
    std::size_t call, element;  // of all outputs of that call
    double factor = 1;
  };
  enum class Must {
    equal,     // Σ factor · result = value, as far as each result may be off
    at_least,  // Σ factor · result ≥ value, and no error excuses it
    at_most,
    same_bits  // two results are the same bits: for kernels that claim determinism
  } must = Must::equal;
  std::vector<Term> terms;
  Real value = 0;
};

struct Related {
  std::vector<Question> calls;
  std::vector<Relation> relations;
};

struct Law {
  std::string name;
  std::string sentence;  // what holds: "softmax rows sum to 1"
  // Verdicts only for kernels that are judged `faithful` or better: a right kernel of a weaker level may break it.
  bool claim = false;
  // Operators whose rows do not name it; null: none.
  std::function<bool(const Operator&)> applies;
  // The calls and relations; nullopt: it says nothing about this question.  `argument` is the row's.
  std::function<std::optional<Related>(const Question&, const std::string& argument)> relate;
};

std::span<const Law> laws();  // sorted by name
const Law* find_law(std::string_view name);

// A law as a row names it.
struct LawUse {
  const Law* law;
  std::string argument;
  std::string text() const { return law->name + (argument.empty() ? "" : " " + argument); }
};
// Throws std::logic_error for a name that there is not.
std::vector<LawUse> laws_of(const Operator& op);
// "linear_in x"; nullopt if there is no such law.
std::optional<LawUse> parse_law(std::string_view text);

// Registers a law; a static object of this type ends a law's file.
struct LawRow {
  explicit LawRow(Law law);
};

// ---- What laws are made with ----------------------------------------------------------------------

std::optional<std::size_t> input_named(const Operator& op, std::string_view name);
// The forward operator of NAME_backward, or null.
const Operator* forward_of(const Operator& op);

double number_at(const Question& q, std::size_t input, std::size_t i);
// With every number of an input replaced by f(old, index), rounded; nullopt if a rounding was needed or the question is invalid.
std::optional<Question> changed(const Question& q, std::size_t input, const std::function<double(double, std::size_t)>& f);
// Numbers of an input cut to few bits between −8 and 8, so that adding ±8 and doubling are exact.
std::optional<Question> on_a_grid(const Question& q, std::size_t input);

// result a of call 0 = result b of call 1
Relation equal(std::size_t a, std::size_t b);
// All results of calls 0 and 1, one by one.
std::vector<Relation> all_equal(std::size_t count);

}  // namespace karat::properties
