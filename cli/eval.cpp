// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>

#include "cli/command.hpp"
#include "properties/describe.hpp"
#include "properties/golden/case_folder.hpp"
#include "properties/nearest.hpp"
#include "properties/replay.hpp"
#include "reference/exact.hpp"
#include "reference/training.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::string op, dtype = "f64";
  std::vector<std::string> inputs;
  int digits = 30;
  bool plain = false, grad = false, dtype_given = false, digits_given = false;
  int steps = -1, batch = 0;
  std::string on = "linear_regression";
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

// A call as the operator's first example has it.
std::string example(const Operator& op) {
  if (op.inputs.size() == 1 && op.independence == Independence::elementwise) return op.name + " 0x1p-1";
  std::string text = op.name;
  for (std::size_t t = 0; t < op.inputs.size(); ++t) {
    const InputRow& row = op.inputs[t];
    if (op.independence != Independence::whole) {
      text += " " + row.name + "=" + (op.independence == Independence::elementwise ? "0.5" : "[0.5,1,2]");
      continue;
    }
    const Shape& shape = op.examples.front().shapes[t];
    if (row.optional && element_count(shape) == 0) continue;
    std::string extents;
    for (const std::int64_t extent : shape) extents += (extents.empty() ? "" : "x") + std::to_string(extent);
    text += " " + row.name + "=" + (shape.empty() ? "scalar" : extents) + ":[" + (row.index ? "1" : "0.5") + "*" + std::to_string(element_count(shape)) + "]";
  }
  return text;
}

// Correctly rounded bits of one element, or what is known of it.
std::string rounded_text(const Unit& unit, std::size_t place, const Format& f) {
  const auto bits = decide([&](int) { return round_nearest(f, answers(unit.question)[place].value); });
  if (bits) return to_text(f, *bits);
  // Below every quantum the sign is known from the row's bounds, if at all.
  const Answer a = answers(unit.question)[place];
  if (a.sign() > 0) return to_text(f, 0);
  if (a.sign() < 0) return to_text(f, f.sign_mask());
  return "undecided at " + std::to_string(precision_cap) + " bits";
}

void print_answers(const Question& question, const Options& options) {
  const std::size_t count = question.output_count();
  const bool whole = question.op->independence == Independence::whole;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [part, place] = properties::unit_of(question, i);
    const properties::ExactText exact = properties::exact_text(question, i, options.digits);
    const bool special = !specials(part.question)[place].empty();
    const std::string digits = special ? exact.hex : exact.decimal;
    if (options.plain) {
      std::printf("%s\n", digits.c_str());
      continue;
    }
    if (whole) {
      std::printf("%s\n", properties::output_name(question, i).c_str());
    } else {
      std::string arguments;
      for (const auto& v : properties::inputs_at(question, i)) arguments += (arguments.empty() ? "" : ", ") + v.name + " = " + v.value;
      std::printf("%s(%s)\n", question.op->name.c_str(), arguments.c_str());
    }
    std::printf("  %s\n", digits.c_str());
    if (special) continue;
    std::printf("  %s\n", exact.hex.c_str());
    for (const Format& format : formats()) std::printf("  %-5s %s\n", std::string(format.name).c_str(), rounded_text(part, place, format).c_str());
  }
  if (count == 0) std::printf("empty\n");
}

// The backward row's question with dy = 1 everywhere: the gradient of the sum of the outputs.
Question gradient_question(const Question& question, const Operator& backward) {
  Question g{&backward, question.format, {}, question.attributes};
  Shapes shapes;
  for (const auto& t : question.inputs) shapes.push_back(t.shape);
  for (const Shape& shape : question.op->output_shapes(shapes, question.attributes)) {
    Tensor<Bits> dy(shape);
    for (Bits& b : dy.values) b = *exact_bits(*question.format, 1);
    g.inputs.push_back(std::move(dy));
  }
  g.inputs.insert(g.inputs.end(), question.inputs.begin(), question.inputs.end());
  return g;
}

// Of rows without a backward row: the symbolic derivative, enclosed.
void print_symbolic_gradient(const Question& question, const Options& options) {
  Tensors<Symbol> in;
  std::vector<std::string> names;
  std::map<std::string, double> values;
  for (std::size_t t = 0; t < question.inputs.size(); ++t) {
    const InputRow& row = question.op->inputs[t];
    in.emplace_back();
    in.back().shape = question.inputs[t].shape;
    for (std::size_t i = 0; i < question.inputs[t].values.size(); ++i) {
      const Bits b = question.inputs[t].values[i];
      const double v = row.index ? static_cast<double>(static_cast<std::int64_t>(b)) : to_double(*question.format, b);
      if (row.index || !row.differentiable) {
        in.back().values.emplace_back(v);
        continue;
      }
      names.push_back(row.name + "[" + std::to_string(i) + "]");
      values[names.back()] = v;
      in.back().values.push_back(Symbol::variable(names.back(), v));
    }
  }
  for (const auto& [name, value] : question.attributes.values)
    if (const auto* number = std::get_if<double>(&value)) values[name] = *number;
  Symbol total(0);
  for (const Tensor<Symbol>& y : question.op->symbolic(in, question.attributes))
    for (const Symbol& v : y.values) total = total + v;
  for (const std::string& name : names) {
    const Symbol d = derivative(total, name);
    std::string text = "undecided";
    decide([&](int) -> std::optional<bool> {
      std::map<std::string, Enclosure> at;
      for (const auto& [variable, v] : values) at.emplace(variable, Enclosure(v));
      const Enclosure e = evaluate<Enclosure>(d, at);
      if (!e.is_bounded()) return std::nullopt;
      const auto decimal = e.decimal(options.digits);
      if (decimal) text = *decimal;
      return decimal ? std::optional(true) : std::nullopt;
    });
    if (options.plain) std::printf("%s\n", text.c_str());
    else std::printf("d%s\n  %s\n", name.c_str(), text.c_str());
  }
}

void print_trajectory(const Operator& op, const Format& f, const Options& options) {
  if (!is_optimizer(op)) throw UsageError("--steps: " + op.name + " is no optimizer; `karat list ops --all` shows the family `optimizer`");
  const Problem* problem = find_problem(options.on);
  if (!problem) {
    std::vector<std::string> names;
    for (const Problem& p : problems()) names.push_back(p.name);
    throw UsageError(properties::unknown("problem", options.on, names));
  }
  if (options.steps > 1'000'000) throw UsageError("--steps: expected at most 1000000, got " + std::to_string(options.steps));
  if (options.batch < 0) throw UsageError("--batch: expected 1 or more, got " + std::to_string(options.batch));
  const Attributes attributes = properties::parse_attributes(op, f, joined(options.inputs));
  const std::size_t batch = options.batch > 0 ? static_cast<std::size_t>(options.batch) : op.name == "sgd" ? 1 : problem->samples;
  const PrecisionScope scope(static_cast<int>(options.digits * 3.33) + 64);
  const auto path = train(op, *problem, attributes, options.steps, batch);
  if (!options.plain) std::printf("%s on %s: %s\n", op.name.c_str(), problem->name.c_str(), problem->formula.c_str());
  for (std::size_t step = 0; step < path.size(); ++step) {
    std::string theta;
    for (const Real& v : path[step].theta) theta += (theta.empty() ? "" : "  ") + v.str(options.digits);
    if (options.plain) std::printf("%s\n", theta.c_str());
    else
      std::printf("%4zu  loss %-14s |gradient| %-14s theta %s\n", step, path[step].loss.str(8).c_str(), path[step].gradient_norm.str(8).c_str(), theta.c_str());
  }
}

// Writes what case.json names, exactly rounded, as NAME.exact.npy and, with digits, NAME.exact.txt.
int eval_folder(const std::filesystem::path& folder, const Options& options) {
  try {
    const properties::CaseFolder c = properties::read_case(folder);
    const Format* f = options.dtype_given ? find_format(options.dtype) : c.question.format;
    if (!f) throw UsageError(properties::unknown("dtype", options.dtype, properties::dtype_names()));
    const Tensors<Bits> outputs = properties::rounded_outputs(c.question, *f);
    std::size_t element = 0;
    for (std::size_t j = 0; j < outputs.size(); ++j) {
      const std::filesystem::path file = folder / (c.outputs[j].name + ".exact.npy");
      properties::write_npy(file, std::string(f->name), outputs[j]);
      std::printf("%s  %s %s\n", file.c_str(), std::string(f->name).c_str(), to_text(outputs[j].shape).c_str());
      if (!options.digits_given) continue;
      std::string text;
      for (std::size_t i = 0; i < outputs[j].values.size(); ++i, ++element) {
        const auto exact = properties::exact_text(c.question, element, options.digits);
        text += (exact.decimal.empty() ? exact.hex : exact.decimal) + "\n";
      }
      properties::write_text(folder / (c.outputs[j].name + ".exact.txt"), text);
    }
    return conforms;
  } catch (const properties::FileError& e) {
    throw UsageError(e.what());
  }
}

int eval(const Options& options) {
  if (options.op.find('/') != std::string::npos || (!find_operator(options.op) && std::filesystem::is_directory(options.op))) {
    if (options.digits < 1 || options.digits > 1000) throw UsageError("--digits: expected 1 to 1000, got " + std::to_string(options.digits));
    return eval_folder(options.op, options);
  }
  const Operator* op = find_operator(options.op);
  if (!op) throw UsageError(properties::unknown("operator", options.op, properties::operator_names()));
  const Format* f = find_format(options.dtype);
  if (!f) throw UsageError(properties::unknown("dtype", options.dtype, properties::dtype_names()));
  if (options.digits < 1 || options.digits > 1000)
    throw UsageError("--digits: expected 1 to 1000, got " + std::to_string(options.digits) + " (precision is capped at " + std::to_string(precision_cap) + " bits)");
  try {
    if (options.steps >= 0) {
      print_trajectory(*op, *f, options);
      return conforms;
    }
    const Question question = properties::parse_question(*op, *f, joined(options.inputs));
    if (!options.grad) {
      print_answers(question, options);
      return conforms;
    }
    if (!op->differentiable()) throw UsageError("--grad: " + op->name + " has no gradient" + (op->name.find("backward") == std::string::npos ? "" : ": it is one"));
    if (const Operator* backward = find_operator(op->name + "_backward")) print_answers(gradient_question(question, *backward), options);
    else print_symbolic_gradient(question, options);
    return conforms;
  } catch (const properties::ReplayError& e) {
    throw UsageError(std::string(e.what()) + "\n  example: karat eval " + example(*op));
  } catch (const Refused& e) {
    throw UsageError(e.what());
  }
}

}  // namespace

Command eval_command() {
  return {"eval", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Prints the exact value of an operator: certain digits, and its rounding to each format");
            app.footer(
                "Examples:\n"
                "  karat eval sigmoid -0x1.0p+4 --digits 60\n"
                "  karat eval softmax '[1,2,3]'\n"
                "  karat eval leaky_relu_backward dy=1 x=-2 alpha=0.25 --dtype f32\n"
                "  karat eval mse_loss x=2:[1,2] t=2:[0,0] --grad\n"
                "  karat eval golden/softmax-f32-0 --digits 40\n"
                "  karat eval adam --steps 50 --on rosenbrock eta=0.125\n"
                "Inputs are exactly what their text says, rounded once to --dtype if it is decimal.");
            app.add_option("op", options->op, "Operator (`karat list ops` prints them), or a case folder")->required()->type_name("OP");
            app.add_option("inputs", options->inputs, "The input, or name=value for several and for attributes")->type_name("INPUT");
            app.add_option("--dtype", options->dtype, "Type of the inputs (default f64)");
            app.add_option("--digits", options->digits, "Significant decimal digits (default 30)");
            app.add_flag("--plain", options->plain, "The digits alone");
            app.add_flag("--grad", options->grad, "The gradient of the sum of the outputs, by each input");
            app.add_option("--steps", options->steps, "Of an optimizer: that many steps from the problem's start")->check(CLI::NonNegativeNumber)->type_name("N");
            app.add_option("--on", options->on, "Problem: linear_regression (default), logistic_regression, rosenbrock")->type_name("PROBLEM");
            app.add_option("--batch", options->batch, "Samples a step (default: all; sgd: 1)")->type_name("N");
            run = [options, &app] {
              options->dtype_given = app.count("--dtype") > 0;
              options->digits_given = app.count("--digits") > 0;
              return eval(*options);
            };
          }};
}

}  // namespace karat::cli
