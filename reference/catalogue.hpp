// SPDX-License-Identifier: MIT
// The catalogue of formulas as a text, made from the rows, and what of the seed stands where.
// The seed: A. Zhang, "Deep Learning Reviews", 2021: equations (1)–(54), algorithm 1, figures 1–4.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reference/operator.hpp"

namespace karat {

// An equation, algorithm or figure of the seed and where Karat has it.
struct SeedItem {
  std::string name;                     // "(7)", "algorithm 1", "figure 4"
  std::vector<std::string> operators;   // rows whose source names it
  std::string elsewhere;                // otherwise: a header, or what it is if there is nothing to compute
};
std::vector<SeedItem> seed_items();
// Equations of the seed that a row's source names: "(14), (15), (16)".
std::vector<int> equations_of(const Operator& op);

// A place where the seed prints something else than is meant.
struct Misprint {
  std::string where, printed, meant;
  std::string shown;  // an input and the two values, computed; or why no input can show it
};
std::vector<Misprint> misprints();

// "standard, printed", "max, sum"; empty if there is one form.
std::string forms_of(const Operator& op);

// docs/formulas.md.
std::string catalogue_markdown();

}  // namespace karat
