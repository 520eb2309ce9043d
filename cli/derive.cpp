// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "properties/nearest.hpp"
#include "properties/replay.hpp"
#include "reference/agreement.hpp"
#include "reference/numbers/symbol.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::string op;
  std::vector<std::string> attributes;
  bool latex = false, agreement = false;
  int digits = 50;
  std::size_t most = 2000;
};

// The first example's inputs as variables, with samples away from kinks.
Tensors<Symbol> variables(const Point& p, std::vector<std::string>& names) {
  Tensors<Symbol> in;
  const bool one = std::all_of(p.inputs.begin(), p.inputs.end(), [](const auto& t) { return t.values.size() <= 1; });
  for (std::size_t t = 0; t < p.inputs.size(); ++t) {
    const InputRow& row = p.op->inputs[t];
    in.emplace_back();
    in.back().shape = p.inputs[t].shape;
    for (std::size_t i = 0; i < p.inputs[t].values.size(); ++i) {
      const auto sample = static_cast<double>(p.inputs[t].values[i]);
      const std::string name = one ? row.name : row.name + "[" + std::to_string(i) + "]";
      if (row.index) {
        in.back().values.emplace_back(sample);
        continue;
      }
      if (row.differentiable) names.push_back(name);
      in.back().values.push_back(Symbol::variable(name, sample));
    }
  }
  return in;
}

int derive(const Options& options) {
  const Operator* op = find_operator(options.op);
  if (!op) throw UsageError(properties::unknown("operator", options.op, properties::operator_names()));
  if (!op->differentiable()) {
    const Operator* forward = nullptr;
    if (const std::size_t at = op->name.find("_backward"); at != std::string::npos) forward = find_operator(op->name.substr(0, at));
    throw UsageError(op->name + " has no derivative here" + (forward ? ": it is one; try `karat derive " + forward->name + "`" : ""));
  }
  std::string words;
  for (const std::string& word : options.attributes) words += word + " ";
  Point p = points_of(*op, 1).front();
  try {
    if (!words.empty()) p.attributes = properties::parse_attributes(*op, format(Dtype::f64), words);
  } catch (const properties::ReplayError& e) {
    throw UsageError(e.what());
  }
  const auto print = [&](const Symbol& x) { return options.latex ? to_latex(x, options.most) : to_text(x, options.most); };
  const auto cut = [](Tensor<Real>& t) {  // one element, one slice, says it all
    t.shape = {std::min<std::int64_t>(t.shape[0], 3)};
    t.values.resize(static_cast<std::size_t>(t.shape[0]));
  };
  std::printf("%s: %s    [%s]\n", op->name.c_str(), op->formula.c_str(), op->source.c_str());
  if (!op->catalogue.gradient.empty()) std::printf("  gradient   %s\n", op->catalogue.gradient.c_str());
  if (op->independence == Independence::elementwise)
    for (auto& t : p.inputs) t = Tensor<Real>(Shape{1}, {t.values[0]});
  if (op->independence == Independence::along_axis)
    for (auto& t : p.inputs) cut(t);
  std::vector<std::string> names;
  const Tensors<Symbol> in = variables(p, names);
  Tensors<Symbol> y;
  try {
    y = op->symbolic(in, p.attributes);
  } catch (const Refused& e) {
    throw UsageError(e.what());
  }
  if (op->independence == Independence::elementwise) {
    std::printf("  %s = %s\n", op->outputs[0].c_str(), print(y[0].values[0]).c_str());
    for (const std::string& name : names) std::printf("  d%s/d%s = %s\n", op->outputs[0].c_str(), name.c_str(), print(derivative(y[0].values[0], name)).c_str());
    return conforms;
  }
  std::printf("  inputs     ");
  for (std::size_t t = 0; t < in.size(); ++t) std::printf("%s%s %s", t == 0 ? "" : ", ", op->inputs[t].name.c_str(), to_text(in[t].shape).c_str());
  std::printf("\n");
  // L = Σ dy · y: the derivative that backward kernels compute.
  Symbol loss(0);
  bool single = y.size() == 1 && y[0].values.size() == 1;
  for (std::size_t j = 0; j < y.size(); ++j)
    for (std::size_t i = 0; i < y[j].values.size(); ++i) {
      const std::string name = "d" + op->outputs[j] + (single ? "" : "[" + std::to_string(i) + "]");
      loss = loss + Symbol::variable(name, 1) * y[j].values[i];
      if (i == 0) std::printf("  %s%s = %s\n", op->outputs[j].c_str(), single ? "" : "[0]", print(y[j].values[0]).c_str());
    }
  std::string before;
  for (const std::string& name : names) {
    const std::string tensor = name.substr(0, name.find('['));
    if (tensor == before) continue;  // the first element stands for its tensor
    before = tensor;
    std::printf("  d%s = %s\n", name.c_str(), print(derivative(loss, name)).c_str());
  }
  return conforms;
}

std::string digits_text(const std::optional<double>& d) {
  if (!d) return "-";
  char text[24];
  std::snprintf(text, sizeof text, "%.1f", *d);
  return text;
}

void least(std::optional<double>& worst, const std::optional<double>& d) {
  if (d) worst = worst ? std::min(*worst, *d) : *d;
}

int agree(const Options& options) {
  if (options.digits < 10 || options.digits > 1000) throw UsageError("--digits: expected 10 to 1000, got " + std::to_string(options.digits));
  std::printf("Worst agreement in decimal digits at %d digits of working precision, against the tape at twice that;\n"
              "differences at their best step, with the order that halving the step shows.\n\n", options.digits);
  std::printf("%-40s %6s %7s %7s %7s %7s %7s %12s %12s %12s\n", "operator", "points", "closed", "dual", "tape", "symbol", "complex", "forward", "central",
              "richardson");
  bool any = false, disagree = false;
  for (const Operator& op : operators()) {
    if (!properties::matches(options.op.empty() ? "*" : options.op, op.name) || !op.differentiable()) continue;
    Agreement worst;
    int points = 0;
    for (const Point& p : points_of(op, 11)) {
      const auto a = agreement(p, options.digits, 11);
      if (!a) continue;
      ++points;
      for (const auto member : {&Agreement::closed_form, &Agreement::dual, &Agreement::tape, &Agreement::symbolic, &Agreement::complex_step,
                                &Agreement::forward, &Agreement::central, &Agreement::richardson, &Agreement::forward_order,
                                &Agreement::central_order, &Agreement::richardson_order})
        least(worst.*member, (*a).*member);
    }
    const auto with_order = [](const std::optional<double>& d, const std::optional<double>& order) {
      return digits_text(d) + (order ? " (" + digits_text(order) + ")" : " (exact)");
    };
    std::printf("%-40s %6d %7s %7s %7s %7s %7s %12s %12s %12s\n", op.name.c_str(), points, digits_text(worst.closed_form).c_str(),
                digits_text(worst.dual).c_str(), digits_text(worst.tape).c_str(), digits_text(worst.symbolic).c_str(),
                digits_text(worst.complex_step).c_str(), with_order(worst.forward, worst.forward_order).c_str(),
                with_order(worst.central, worst.central_order).c_str(), with_order(worst.richardson, worst.richardson_order).c_str());
    any = true;
    for (const auto& d : {worst.closed_form, worst.dual, worst.tape, worst.symbolic, worst.complex_step})
      if (d && !(*d >= options.digits - 3)) disagree = true;
  }
  if (!any) throw UsageError("'" + options.op + "' matches no differentiable operator");
  return disagree ? failed : conforms;
}

}  // namespace

Command derive_command() {
  return {"derive", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Prints the derivative's formula, or how well the ways of differentiating agree");
            app.footer(
                "Examples:\n"
                "  karat derive sigmoid\n"
                "  karat derive softmax --latex\n"
                "  karat derive batch_norm eps=0\n"
                "  karat derive --agreement '*pool*' --digits 200\n"
                "Operators on tensors are shown on their first example: dx[0] is the derivative of Σ dy·y by x[0].");
            app.add_option("op", options->op, "Operator; with --agreement a pattern")->type_name("OP");
            app.add_option("attributes", options->attributes, "name=value")->type_name("ATTRIBUTE");
            app.add_flag("--latex", options->latex, "LaTeX instead of plain text");
            app.add_option("--most", options->most, "Characters of a formula at most (default 2000)")->type_name("N");
            app.add_flag("--agreement", options->agreement, "Compare closed form, dual, tape, symbols, complex step and differences");
            app.add_option("--digits", options->digits, "Working precision of --agreement (default 50)")->type_name("N");
            run = [options]() -> int {
              if (options->agreement) return agree(*options);
              if (options->op.empty()) throw UsageError("derive: expected an operator; `karat list ops` prints them");
              return derive(*options);
            };
          }};
}

}  // namespace karat::cli
