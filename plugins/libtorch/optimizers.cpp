// SPDX-License-Identifier: MIT
// One step of the library's optimizers, from a given state, in the call's own memory.
#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include "plugins/libtorch/libtorch.hpp"

namespace karat::libtorch {
namespace {

namespace optim = torch::optim;

// θ with its gradient.
at::Tensor parameter(const Task& task) {
  at::Tensor theta = task.in("theta");
  theta.mutable_grad() = task.in("g");
  return theta;
}
template <class Optimizer, class State>
void step(Optimizer optimizer, const at::Tensor& theta, std::unique_ptr<State> state) {
  if (state) optimizer.state()[c10::guts::to_string(theta.unsafeGetTensorImpl())] = std::move(state);
  optimizer.step();
}
void require_outside(const Task& task) {
  require(task.is("eps_placement", "outside"), "libtorch adds ε to the root");
}

const Row sgd("sgd", "optim", [](const Task& task) {
  const at::Tensor theta = parameter(task);
  step(optim::SGD({theta}, optim::SGDOptions(task.number("eta"))), theta,
       std::unique_ptr<optim::SGDParamState>());
});

const Row momentum("momentum", "optim", [](const Task& task) {
  const double beta = task.number("beta"), dampening = task.number("dampening");
  const bool nesterov = task.integer("nesterov") != 0;
  require(beta > 0, "libtorch keeps no velocity where the momentum is 0");
  require(!nesterov || dampening == 0, "libtorch wants no dampening with Nesterov's form");
  const at::Tensor theta = parameter(task);
  std::unique_ptr<optim::SGDParamState> state;
  if (task.integer("t") > 1) {
    state = std::make_unique<optim::SGDParamState>();
    state->momentum_buffer(task.in("v"));
  }
  optim::SGD optimizer({theta}, optim::SGDOptions(task.number("eta"))
                                    .momentum(beta)
                                    .dampening(dampening)
                                    .nesterov(nesterov)
                                    .weight_decay(task.number("weight_decay")));
  const std::string key = c10::guts::to_string(theta.unsafeGetTensorImpl());
  if (state) optimizer.state()[key] = std::move(state);
  optimizer.step();
  // The first step makes a velocity of its own.
  task.write("v", static_cast<const optim::SGDParamState&>(*optimizer.state().at(key)).momentum_buffer());
});

const Row adagrad("adagrad", "optim", [](const Task& task) {
  require_outside(task);
  require(task.number("beta") == 1, "libtorch adds all squares: beta = 1");
  const at::Tensor theta = parameter(task);
  auto state = std::make_unique<optim::AdagradParamState>();
  state->sum(task.in("s"));
  step(optim::Adagrad({theta}, optim::AdagradOptions(task.number("eta"))
                                   .eps(task.number("eps"))
                                   .weight_decay(task.number("weight_decay"))),
       theta, std::move(state));
});

const Row rmsprop("rmsprop", "optim", [](const Task& task) {
  require_outside(task);
  const at::Tensor theta = parameter(task);
  auto state = std::make_unique<optim::RMSpropParamState>();
  state->square_avg(task.in("s"));
  state->grad_avg(task.in("m"));
  state->momentum_buffer(task.in("b"));
  step(optim::RMSprop({theta}, optim::RMSpropOptions(task.number("eta"))
                                   .alpha(task.number("gamma"))
                                   .eps(task.number("eps"))
                                   .centered(task.integer("centered") != 0)
                                   .momentum(task.number("momentum"))
                                   .weight_decay(task.number("weight_decay"))),
       theta, std::move(state));
});

template <class Optimizer, class Options, class State>
void adam(const Task& task) {
  const at::Tensor theta = parameter(task);
  auto state = std::make_unique<State>();
  state->step(task.integer("t") - 1);
  state->exp_avg(task.in("v"));
  state->exp_avg_sq(task.in("s"));
  state->max_exp_avg_sq(task.in("s_max"));
  step(Optimizer({theta}, Options(task.number("eta"))
                              .betas({task.number("beta1"), task.number("beta2")})
                              .eps(task.number("eps"))
                              .weight_decay(task.number("weight_decay"))
                              .amsgrad(task.integer("amsgrad") != 0)),
       theta, std::move(state));
}
const Row adam_row("adam", "optim", [](const Task& task) {
  require_outside(task);
  if (task.is("decay", "coupled"))
    adam<optim::Adam, optim::AdamOptions, optim::AdamParamState>(task);
  else
    adam<optim::AdamW, optim::AdamWOptions, optim::AdamWParamState>(task);
});

}  // namespace
}  // namespace karat::libtorch
