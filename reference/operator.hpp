// SPDX-License-Identifier: MIT
// A row of the catalogue: everything the rest of Karat knows of an operator.  Rows stand at
// the foot of the files in formulas/ and register themselves; nothing lists them by hand.
#pragma once

#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reference/numbers/enclosure.hpp"
#include "reference/numbers/real.hpp"
#include "reference/tensor.hpp"

namespace karat {

// Attributes by value, for a formula over T.
template <class T>
using Evaluate = std::function<Tensors<T>(const Tensors<T>& inputs, const Attributes& attributes)>;

// One result that is right for special inputs, by the row and not by the formula.
struct Special {
  double value = 0;                // NaN, ±∞, ±0 or a number; one that the format lacks stands for its neighbours
  const char* policy = nullptr;    // accepted under this policy: frameworks disagree; counted
  const char* unjudged = nullptr;  // any result is accepted, for this reason; counted
};
// Right results for one output element; empty: the formula decides.
using Specials = std::vector<Special>;

// Strict bounds that hold for the exact result and that no precision shows: σ(x) < 1.
struct Bounds {
  std::optional<Enclosure> above, below;  // above < y < below
};

struct Interval {
  double low = -1, high = 1;
};

struct InputRow {
  std::string name;
  std::vector<double> directed;  // tried in every dtype, rounded to it; specials are always tried
  Interval typical{-8, 8};       // where random values are dense
  // Cases hold nothing but NaN outside of it.
  Interval domain{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  bool infinities = true;        // ±∞ belong to it

  bool takes(double value) const {
    return value != value || (value >= domain.low && value <= domain.high && (infinities || (value - value == 0)));
  }
};

struct AttributeRow {
  enum class Kind { number, integer } kind = Kind::number;
  std::string name;
  double standard = 0;           // what it is if a call does not say
  std::string domain;            // for people: "α > 0"
  std::vector<double> directed;  // values that cases are made with
  std::function<bool(double)> valid;
};

// Which outputs depend on which inputs: what may be evaluated by itself.
enum class Independence {
  elementwise,  // output i on element i of every input; all shapes equal
  along_axis,   // a slice along attribute `axis` on that slice; all shapes equal
};

struct Operator {
  std::string name;     // one name everywhere
  std::string family;   // "activation", "primitive"
  std::string formula;  // as people read it
  std::string source;   // equation of the seed, paper
  std::string notes;    // why this form, domain, special values
  std::vector<InputRow> inputs;
  std::vector<std::string> outputs;
  std::vector<AttributeRow> attributes;
  Independence independence = Independence::elementwise;

  // Filled in by rows.hpp from the formula's template.
  Evaluate<Real> real;
  Evaluate<Enclosure> enclose;
  std::function<std::vector<Specials>(const Tensors<double>& inputs, const Attributes& attributes)> specials;
  std::function<std::vector<Bounds>(const Tensors<Enclosure>& inputs, const Attributes& attributes)> bounds;
  bool unary() const { return inputs.size() == 1 && independence == Independence::elementwise; }
};

// All rows, sorted by name.
std::span<const Operator> operators();
const Operator* find_operator(std::string_view name);  // nullptr if there is none
Attributes standard_attributes(const Operator& op);

// Registers a row; a static object of this type ends a formula file.
struct Row {
  explicit Row(Operator op);
};

}  // namespace karat
