// SPDX-License-Identifier: MIT
// f(x + c) = f(x); c = 8, exactly added.
#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

std::optional<Related> relate(const Question& q, const std::string& argument) {
  const auto x = input_named(*q.op, argument);
  if (!x) return std::nullopt;
  const auto base = on_a_grid(q, *x);
  const auto shifted = base ? changed(*base, *x, [](double v, std::size_t) { return v + 8; }) : std::nullopt;
  if (!shifted) return std::nullopt;
  return Related{{*base, *shifted}, all_equal(base->output_count())};
}

const LawRow row{{.name = "shift_invariant", .sentence = "adding a constant to the input changes nothing", .relate = relate}};

}  // namespace
}  // namespace karat::properties
