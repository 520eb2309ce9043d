// SPDX-License-Identifier: MIT
#include "reference/optimizer.hpp"

#include <cmath>

namespace karat {

InputRow parameter(const char* name) {
  return {.name = name, .directed = {0, 1, -1, 1e-8, 1e-20, 1e4}, .typical = {-2, 2}, .infinities = false, .differentiable = false};
}
InputRow state(const char* name) {
  InputRow row = parameter(name);
  row.directed = {0, 1, 1e-16, 1e-30, 1e8};
  row.typical = {0, 2};
  row.domain.low = 0;
  return row;
}
AttributeRow eta_row() {
  return {.name = "eta", .standard = 0.125, .domain = "η finite", .directed = {0.125},
          .valid = [](double v) { return std::isfinite(v); }};
}
AttributeRow fraction_row(const char* name, double standard) {
  return {.name = name, .standard = standard, .domain = "from 0 to 1", .directed = {standard},
          .valid = [](double v) { return v >= 0 && v <= 1; }};
}
AttributeRow epsilon_row(double standard) {
  return {.name = "eps", .standard = standard, .domain = "ε ≥ 0, finite", .directed = {standard},
          .valid = [](double v) { return v >= 0 && std::isfinite(v); }};
}
AttributeRow decay_row() {
  return {.name = "weight_decay", .standard = 0, .domain = "λ ≥ 0, finite", .directed = {0},
          .valid = [](double v) { return v >= 0 && std::isfinite(v); }};
}
AttributeRow step_row() {
  return {.kind = AttributeRow::Kind::integer, .name = "t", .standard = 1, .domain = "t ≥ 1: the number of this step",
          .valid = [](double v) { return v >= 1 && v <= 1e9; }};
}

}  // namespace karat
