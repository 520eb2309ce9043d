// SPDX-License-Identifier: MIT
// Trajectories of optimizers: their steps, one after another, on small problems, with gradients
// by the tape and Hessians by forward over reverse, at the working precision.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "reference/operator.hpp"

namespace karat {

// J(θ) = 1/N Σ_n loss(θ, n).
struct Problem {
  template <class T>
  using Loss = std::function<T(const std::vector<T>& theta, std::size_t sample)>;

  std::string name, formula;
  std::size_t samples = 1;
  std::function<std::vector<Real>()> start;
  Loss<Real> real;
  Loss<Taped<Real>> taped;
  Loss<Taped<Dual<Real>>> second_order;
};

// linear_regression (2), logistic_regression (22), rosenbrock.
std::span<const Problem> problems();
const Problem* find_problem(std::string_view name);  // nullptr if there is none

struct TrainingStep {
  std::vector<Real> theta;
  Real loss{0};           // J(θ), over all samples
  Real gradient_norm{0};  // ‖∇J(θ)‖₂
};

// True if `op` is a step θ, g, states → θ, states.
bool is_optimizer(const Operator& op);

// Steps 0 (the start) to `steps`.  Each step takes the next `batch` samples in turn.  States start
// at 0; attribute t, where there is one, counts steps from 1.  Throws Refused: H is not positive
// definite at some step; or θ is no longer finite.
std::vector<TrainingStep> train(const Operator& op, const Problem& problem, Attributes attributes, int steps, std::size_t batch);

}  // namespace karat
