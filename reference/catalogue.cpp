// SPDX-License-Identifier: MIT
#include "reference/catalogue.hpp"

#include <algorithm>
#include <map>
#include <regex>
#include <sstream>

#include "reference/evaluate.hpp"
#include "reference/sizes.hpp"

namespace karat {
namespace {

constexpr int equations = 54;

// What no row's source can name.
const std::map<std::string, std::string>& elsewhere() {
  static const std::map<std::string, std::string> all{
      {"(1)", "Y = f(X; θ̂): the definition of a model; every forward operator is one"},
      {"(17)", "X⁽⁰⁾ ← X⁽¹⁾ ← … ← X⁽ⁿ⁾: a picture of layers as a chain; nothing to compute"},
      {"(23)", "reference/numbers/numerical.hpp: forward_difference; beside it central, Richardson, complex step"},
      {"(24)", "reference/numbers/dual.hpp: operator+"},
      {"(25)", "reference/numbers/dual.hpp: operator*"},
      {"(26)", "reference/numbers/dual.hpp: the Taylor expansion that ends, as ε² = 0"},
      {"(27)", "reference/numbers/dual.hpp: f(a + εb) = f(a) + ε b f'(a), for exp, expm1, log, log1p, sqrt, abs, max, min"},
      {"figure 1", "a picture: overfitting and underfitting"},
      {"figure 2", "a picture: symbolic differentiation; reference/numbers/symbol.hpp does it"},
      {"figure 3", "a picture: automatic differentiation; reference/numbers/tape.hpp does it"}};
  return all;
}

std::string number_text(const Real& x) { return x.str(10); }
std::string list_text(const Tensor<Real>& t) {
  std::string text;
  for (const Real& v : t.values) text += (text.empty() ? "" : ", ") + number_text(v);
  return t.values.size() == 1 ? text : "[" + text + "]";
}

// "x = …: printed P, standard S", both computed.
std::string compared(const std::string& input, const std::string& op, const Tensors<Real>& in, const Named& printed, const Named& standard,
                     std::size_t output = 0) {
  return input + ": printed " + list_text(call(op, in, printed)[output]) + ", standard " + list_text(call(op, in, standard)[output]);
}

std::string cell(std::string text) {
  for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.replace(at, 1, "\\|");
  return text;
}

void print_inputs(std::ostream& out, const Operator& op) {
  for (const InputRow& row : op.inputs) {
    out << "- input `" << row.name << "`";
    std::vector<std::string> words;
    if (row.index) words.emplace_back("integers");
    if (row.optional) words.emplace_back("may be absent");
    if (std::isfinite(row.domain.low) || std::isfinite(row.domain.high)) {
      std::ostringstream range;
      range << "from " << row.domain.low << " to " << row.domain.high;
      words.push_back(range.str());
    }
    if (!row.infinities) words.emplace_back("finite");
    for (std::size_t i = 0; i < words.size(); ++i) out << (i == 0 ? ": " : ", ") << words[i];
    out << "\n";
  }
  for (const AttributeRow& row : op.attributes) {
    out << "- attribute `" << row.name << "`: " << row.domain << "; standard ";
    using Kind = AttributeRow::Kind;
    if (row.kind == Kind::text) {
      out << row.choices.front();
    } else if (row.kind == Kind::list) {
      out << "[";
      for (std::size_t i = 0; i < row.standard_list.size(); ++i) out << (i == 0 ? "" : ", ") << row.standard_list[i];
      out << "]";
    } else if (row.standard != row.standard) {
      out << "none, a call must say it";
    } else {
      out << row.standard;
    }
    out << "\n";
  }
}

void print_gradient(std::ostream& out, const Operator& op) {
  if (!op.catalogue.gradient.empty()) out << "- gradient: " << op.catalogue.gradient << "\n";
  if (!op.symbolic || !op.unary()) return;
  // What symbolic differentiation makes of the formula, attributes as letters.
  const Tensor<Symbol> x(Shape{1}, {Symbol::variable(op.inputs[0].name, 0.5)});
  const Symbol y = op.symbolic({x}, standard_attributes(op))[0].values[0];
  out << "- derivative by symbols: `" << to_text(derivative(y, op.inputs[0].name)) << "`\n";
}

}  // namespace

std::vector<int> equations_of(const Operator& op) {
  std::vector<int> all;
  const std::size_t seed = op.source.find("seed");
  if (seed == std::string::npos) return all;
  static const std::regex range("\\(([0-9]+)\\)(?:–\\(([0-9]+)\\))?");
  for (std::sregex_iterator it(op.source.begin() + static_cast<std::ptrdiff_t>(seed), op.source.end(), range), end; it != end; ++it) {
    const int first = std::stoi((*it)[1]), last = (*it)[2].matched ? std::stoi((*it)[2]) : first;
    for (int n = first; n <= last; ++n) all.push_back(n);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<SeedItem> seed_items() {
  std::vector<SeedItem> items;
  for (int n = 1; n <= equations; ++n) items.push_back({"(" + std::to_string(n) + ")", {}, {}});
  for (const char* name : {"algorithm 1", "figure 1", "figure 2", "figure 3", "figure 4"}) items.push_back({name, {}, {}});
  for (SeedItem& item : items) {
    const auto found = elsewhere().find(item.name);
    if (found != elsewhere().end()) item.elsewhere = found->second;
    for (const Operator& op : operators()) {
      const std::vector<int> numbers = equations_of(op);
      const bool by_number = std::any_of(numbers.begin(), numbers.end(), [&](int n) { return item.name == "(" + std::to_string(n) + ")"; });
      if (by_number || op.source.find(item.name) != std::string::npos) {
        if (std::find(item.operators.begin(), item.operators.end(), op.name) == item.operators.end()) item.operators.push_back(op.name);
      }
    }
  }
  return items;
}

std::string forms_of(const Operator& op) {
  std::string text;
  for (const AttributeRow& row : op.attributes) {
    if (row.kind != AttributeRow::Kind::text) continue;
    text += (text.empty() ? "" : "; ") + row.name + ":";
    for (std::size_t i = 0; i < row.choices.size(); ++i) text += (i == 0 ? " " : ", ") + row.choices[i];
  }
  return text;
}

std::vector<Misprint> misprints() {
  const PrecisionScope scope(128);
  const Named printed{{"form", "printed"}}, standard{};
  std::vector<Misprint> all;
  all.push_back({"(2), (20)", "‖Y − Xθ‖², a sum", "the mean over samples, as the name mean square error says",
                 compared("mse_loss, x = [1, 2], t = [0, 0]", "mse_loss", {tensor({2}, {1, 2}), tensor({2}, {0, 0})}, printed, standard)});
  all.push_back({"(14)", "(a − E)/VAR: no square root, no ε, γ, β", "γ (x − μ)/√(σ² + ε) + β",
                 compared("batch_norm, one channel x = [0, 4], γ = 1, β = 0, ε = 0", "batch_norm",
                          {tensor({2, 1}, {0, 4}), tensor({1}, {1}), tensor({1}, {0})}, {{"form", "printed"}, {"eps", 0.0}}, {{"eps", 0.0}})});
  all.push_back({"(15)", "the summand x⁽ᵏ⁾[j] carries no i", "x_i⁽ᵏ⁾[j]", "as printed the sum is |B| times one value: for x = [0, 4] no mean at all"});
  all.push_back({"(16)", "subtracts 1/|B| instead of the mean, sums over j", "1/|B| Σ_i (x_i − μ)²",
                 "x = [0, 4]: printed (−1/2)² and (7/2)² averaged, 25/4; standard 4"});
  all.push_back({"section 4", "batch norm re-scales to [−1, 1]", "the outputs of n values are bounded by √(n − 1)",
                 "batch_norm, x = [0, 0, 0, 0, 5], ε = 0: the last output is " +
                     number_text(call("batch_norm", {tensor({5, 1}, {0, 0, 0, 0, 5}), tensor({1}, {1}), tensor({1}, {0})}, {{"eps", 0.0}})[0].values[4])});
  all.push_back({"section 5, L1", "λ|θ|₂, the Euclidean norm", "λ Σ|θ_i|",
                 compared("l1_penalty, θ = [3, 4], λ = 1", "l1_penalty", {tensor({2}, {3, 4})}, {{"form", "printed"}, {"lambda", 1.0}}, {{"lambda", 1.0}})});
  all.push_back({"algorithm 1", "no rescaling; p is the probability to keep", "inverted dropout divides by p",
                 compared("dropout, x = 1, mask = 1, p = 1/2", "dropout", {tensor({1}, {1}), tensor({1}, {1})}, {{"form", "printed"}, {"p", 0.5}}, {{"p", 0.5}})});
  all.push_back({"section 2, \"Ramdom Norm\"", "no σ", "sigma is an attribute without a standard value", "normal, z = 1: without sigma a call is refused"});
  all.push_back({"(28)", "n ∈ ℝ", "n ∈ ℕ, a number of samples", "nothing to compute"});
  all.push_back({"(37)–(39)", "\"⊙ means matrix-vector product\"", "the element-wise product",
                 "adagrad, two parameters: η/√(s + ε) has the shape of g, a vector; no matrix is there to multiply by"});
  all.push_back({"(39), (46)", "ε inside the root", "frameworks put it outside; both are choices of eps_placement",
                 compared("adagrad, θ = 0, g = 0, s = 0.25, η = 1, ε = 0.75, g = 1", "adagrad", {tensor({1}, {0}), tensor({1}, {1}), tensor({1}, {0.25})},
                          {{"eps_placement", "inside"}, {"eta", 1.0}, {"eps", 0.75}}, {{"eps_placement", "outside"}, {"eta", 1.0}, {"eps", 0.75}})});
  all.push_back({"(41), (42)", "(41) uses s_t, which (42) defines after it; the update of θ is missing", "s first, then g', then θ ← θ − η g', then Δx",
                 "no printed form can be computed"});
  all.push_back({"(53)", "Δ_β J, the Laplacian's sign", "∇_β J", "the Laplacian is a number, β a vector: no printed form can be computed"});
  all.push_back({"(54)", "no rounding", "frameworks round down; `exact` refuses what is no integer",
                 "W = 4, K = 2, P = 0, S = 3: printed 5/3; floor " + std::to_string(conv_output_size(4, {.kernel = 2, .stride = 3}, SizeMode::floor))});
  all.push_back({"(54) with S = 1/s", "(W − K + 2P) s + 1", "(W − 1) s − K + 2P + 2, equal where K = 2P + 1 or s = 1",
                 "W = 2, K = 2, P = 0, s = 2: printed " + std::to_string(fractional_output_size_printed(2, 2, 0, 2)) + ", zero insertion gives " +
                     std::to_string(fractional_output_size(2, 2, 0, 2))});
  const Tensors<Real> figure{tensor({1, 1, 2, 2}, {1, 1, 1, 0}), tensor({1, 1, 3, 3}, {1, 3, -1, 3, 5, -3, 1, -3, -1})};
  all.push_back({"figure 4", "[[5,3,−3,5],[3,−1,1,3],[−3,−1,0,0],[5,3,0,0]], captioned \"AutoDiff\"", "the printed filter gives other signs at its corners",
                 "fractionally_strided_conv2d of the printed map and filter: " + list_text(call("fractionally_strided_conv2d", figure)[0])});
  return all;
}

std::string catalogue_markdown() {
  std::ostringstream out;
  out << "# Formulas\n\n"
         "Made from the rows by `karat list formulas`; do not edit.  A test makes it again and compares.\n"
         "Numbers in parentheses are equations of the seed: A. Zhang, \"Deep Learning Reviews\", 2021.\n";
  std::map<std::string, std::vector<const Operator*>> families;
  for (const Operator& op : operators()) families[op.family].push_back(&op);
  for (const auto& [family, members] : families) {
    out << "\n## " << family << "\n";
    for (const Operator* op : members) {
      out << "\n### " << op->name << "\n\n" << op->formula << "\n\n- source: " << op->source << "\n";
      if (!op->notes.empty()) out << "- " << op->notes << "\n";
      if (!op->catalogue.variants.empty()) out << "- variants: " << op->catalogue.variants << "\n";
      if (!op->catalogue.printed.empty()) out << "- printed: " << op->catalogue.printed << "\n";
      if (!op->catalogue.special.empty()) out << "- special values: " << op->catalogue.special << "\n";
      print_inputs(out, *op);
      print_gradient(out, *op);
    }
  }
  out << "\n## Misprints of the seed\n\n| where | printed | meant | shown by |\n| --- | --- | --- | --- |\n";
  for (const Misprint& m : misprints())
    out << "| " << cell(m.where) << " | " << cell(m.printed) << " | " << cell(m.meant) << " | " << cell(m.shown) << " |\n";
  out << "\n## The seed, item by item\n\n| item | where |\n| --- | --- |\n";
  for (const SeedItem& item : seed_items()) {
    std::string where;
    for (const std::string& name : item.operators) where += (where.empty() ? "`" : ", `") + name + "`";
    if (!item.elsewhere.empty()) where += (where.empty() ? "" : "; ") + item.elsewhere;
    out << "| " << item.name << " | " << cell(where) << " |\n";
  }
  return out.str();
}

}  // namespace karat
