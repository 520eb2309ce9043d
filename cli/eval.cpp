// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <memory>

#include "cli/command.hpp"
#include "properties/describe.hpp"
#include "properties/nearest.hpp"
#include "properties/replay.hpp"
#include "reference/exact.hpp"

namespace karat::cli {
namespace {

struct Options {
  std::string op, dtype = "f64";
  std::vector<std::string> inputs;
  int digits = 30;
  bool plain = false;
};

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

int eval(const Options& options) {
  const Operator* op = find_operator(options.op);
  if (!op) throw UsageError(properties::unknown("operator", options.op, properties::operator_names()));
  const Format* f = find_format(options.dtype);
  if (!f) throw UsageError(properties::unknown("dtype", options.dtype, properties::dtype_names()));
  if (options.digits < 1 || options.digits > 1000)
    throw UsageError("--digits: expected 1 to 1000, got " + std::to_string(options.digits) + " (precision is capped at " + std::to_string(precision_cap) + " bits)");
  std::string text;
  for (const std::string& word : options.inputs) text += word + " ";
  Question question;
  try {
    question = properties::parse_question(*op, *f, text);
  } catch (const properties::ReplayError& e) {
    throw UsageError(std::string(e.what()) + "\n  example: karat eval " + op->name + (op->inputs.size() == 1 ? " 0x1p-1" : " dy=1 " + op->inputs[1].name + "=0x1p-1"));
  }
  const std::size_t count = question.inputs[0].values.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto [part, place] = properties::unit_of(question, i);
    const properties::ExactText exact = properties::exact_text(question, i, options.digits);
    const bool special = !specials(part.question)[place].empty();
    const std::string digits = special ? exact.hex : exact.decimal;
    if (options.plain) {
      std::printf("%s\n", digits.c_str());
      continue;
    }
    std::string arguments;
    for (const auto& v : properties::inputs_at(question, i)) arguments += (arguments.empty() ? "" : ", ") + v.name + " = " + v.value;
    std::printf("%s(%s)\n  %s\n", op->name.c_str(), arguments.c_str(), digits.c_str());
    if (special) continue;
    std::printf("  %s\n", exact.hex.c_str());
    for (const Format& format : formats()) std::printf("  %-5s %s\n", std::string(format.name).c_str(), rounded_text(part, place, format).c_str());
  }
  if (count == 0) std::printf("empty\n");
  return conforms;
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
                "Inputs are exactly what their text says, rounded once to --dtype if it is decimal.");
            app.add_option("op", options->op, "Operator; `karat list ops` prints them")->required()->type_name("OP");
            app.add_option("inputs", options->inputs, "The input, or name=value for several and for attributes")->required()->type_name("INPUT");
            app.add_option("--dtype", options->dtype, "Type of the inputs (default f64)");
            app.add_option("--digits", options->digits, "Significant decimal digits (default 30)");
            app.add_flag("--plain", options->plain, "The digits alone");
            run = [options] { return eval(*options); };
          }};
}

}  // namespace karat::cli
