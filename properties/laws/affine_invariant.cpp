// SPDX-License-Identifier: MIT
// Normalization undoes an affine map of its input: N(2x + 8; 4ε) = N(x; ε) in the first output;
// scale_invariant: N(2x; 4ε) = N(x; ε).
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string& argument, double shift) {
  const auto x = input_named(*q.op, argument);
  if (!x || !q.attributes.values.contains("eps")) return std::nullopt;
  if (q.attributes.values.contains("form") && q.attributes.text("form") != "standard") return std::nullopt;  // what the seed prints
  const auto base = on_a_grid(q, *x);
  auto mapped = base ? changed(*base, *x, [&](double v, std::size_t) { return 2 * v + shift; }) : std::nullopt;
  if (!mapped) return std::nullopt;
  mapped->attributes.values["eps"] = 4 * q.attributes.number("eps");
  if (invalid(*mapped)) return std::nullopt;
  return Related{{*base, *mapped}, all_equal(static_cast<std::size_t>(element_count(q.output_shapes()[0])))};
}

const LawRow affine{{.name = "affine_invariant", .sentence = "an affine map of the input is undone",
                     .relate = [](const Question& q, const std::string& argument) { return relate(q, argument, 8); }}};
const LawRow scale{{.name = "scale_invariant", .sentence = "a scale of the input is undone",
                    .relate = [](const Question& q, const std::string& argument) { return relate(q, argument, 0); }}};

}  // namespace
}  // namespace karat::properties
