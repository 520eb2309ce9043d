// SPDX-License-Identifier: MIT
// A row of the catalogue: everything the rest of Karat knows of an operator.  Rows stand at
// the foot of the files in formulas/ and register themselves; nothing lists them by hand.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reference/numbers/compensated.hpp"
#include "reference/numbers/complex.hpp"
#include "reference/numbers/dual.hpp"
#include "reference/numbers/enclosure.hpp"
#include "reference/numbers/jet.hpp"
#include "reference/numbers/priced.hpp"
#include "reference/numbers/real.hpp"
#include "reference/numbers/symbol.hpp"
#include "reference/numbers/tape.hpp"
#include "reference/tensor.hpp"

namespace karat {

// Attributes by value, for a formula over T.
template <class T>
using Evaluate = std::function<Tensors<T>(const Tensors<T>& inputs, const Attributes& attributes)>;

// Of enclosures: what the fast tier's polynomials are made of (fast/line.hpp).
using Series = Jet<Enclosure, 8>;

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
  bool index = false;            // integers: targets, labels, masks of i64; numbers otherwise
  bool differentiable = true;    // a backward operator has an output for it
  bool optional = false;         // an empty tensor of rank 1 stands for its absence

  bool takes(double value) const {
    return value != value || (value >= domain.low && value <= domain.high && (infinities || (value - value == 0)));
  }
};

struct AttributeRow {
  enum class Kind { number, integer, text, list } kind = Kind::number;
  std::string name;
  double standard = 0;           // what it is if a call does not say
  std::string domain;            // for people: "α > 0"
  std::vector<double> directed;  // values that cases are made with
  std::function<bool(double)> valid;
  // Of text: its choices, the standard one first.
  std::vector<std::string> choices;
  // Of a list.
  std::vector<std::int64_t> standard_list;
};

// A call that shows the operator: tests, cases and the catalogue are made from these.  Inputs
// that `values` does not give are drawn from the input's row.
struct Example {
  Shapes shapes;  // one an input
  std::map<std::string, Attributes::Value> attributes;
  std::map<std::string, std::vector<double>> values;
  bool kink = false;  // at a point without a derivative, where the row decides one
};

// What the catalogue prints beside the formula.
struct Catalogue {
  std::string printed;   // what the seed prints, where that is another formula, and why it is not the standard
  std::string variants;  // named variants and the attributes that choose them
  std::string special;   // edges decided
  std::string gradient;  // the gradient's formula, as people read it
};

// Which outputs depend on which inputs: what may be evaluated by itself.
enum class Independence {
  elementwise,  // output i on element i of every input; all shapes equal
  along_axis,   // a slice along attribute `axis` on that slice; all shapes equal
  whole,        // anything on anything; `shapes` gives the outputs' shapes
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
  Catalogue catalogue;
  std::vector<Example> examples;  // of `whole` operators; the others' cases need none
  bool constant = false;          // the result is the same whatever the inputs: zeros
  std::vector<std::string> laws;  // of properties/laws/, that hold for it beside those that hold for all
  std::optional<Interval> range;  // every result lies in it, the ends included
  // Of `whole`: tensors whose first dimension is a batch, of samples that know nothing of each other.
  std::vector<std::string> batched;

  // Filled in by rows.hpp from the formula's template.
  Evaluate<Real> real;
  Evaluate<Enclosure> enclose;
  // Null: not differentiable, or a backward operator.
  Evaluate<Dual<Real>> dual;
  Evaluate<Taped<Real>> taped;
  Evaluate<Taped<Dual<Real>>> second_order;
  Evaluate<Symbol> symbolic;  // along the branch that the samples take; elementwise, attributes are variables
  Evaluate<Complex<Real>> complex_step;
  Evaluate<Real> closed_form;  // inputs dy…, x…: the gradient as papers print it; tests compare it
  // The sensible ways to compute it in working precision: what its error budget is made of.
  std::vector<Evaluate<Priced>> algorithms;
  // Elementwise: the algorithms as power series, then the formula itself.  Where one is not analytic
  // over a range, or too wide there, the next is asked.
  std::vector<Evaluate<Series>> series;
  std::vector<Evaluate<Enclosure>> enclosed_algorithms;  // elementwise: equal to `enclose`, often narrower at the same precision
  Evaluate<Compensated> compensated;  // of `whole`: the first algorithm, for tensors of any size (properties/whole_tensor.hpp)
  // Of `whole`: the outputs' shapes; throws Refused if the inputs' do not fit.
  std::function<Shapes(const Shapes& inputs, const Attributes& attributes)> shapes;
  // Of `whole`, or null: throws Refused for values that the operator does not take (a target
  // out of range).
  std::function<void(const Tensors<double>& inputs, const Attributes& attributes)> refuse;
  // Null, or empty for an element (usual for `whole`): where Real gives NaN or ±∞ and no enclosure is bounded, that is it.
  std::function<std::vector<Specials>(const Tensors<double>& inputs, const Attributes& attributes)> specials;
  std::function<std::vector<Bounds>(const Tensors<Enclosure>& inputs, const Attributes& attributes)> bounds;
  // Elementwise and along an axis the first input's shape, once an output.  Throws Refused.
  Shapes output_shapes(const Shapes& inputs, const Attributes& attributes) const;
  bool differentiable() const { return static_cast<bool>(taped); }
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
