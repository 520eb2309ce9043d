// SPDX-License-Identifier: MIT
// Early stopping as a rule over a history of losses (the seed names it): an epoch improves if its
// loss is below the best by more than min_delta; after `patience` epochs without, training stops.
#include "reference/whole.hpp"

namespace karat {
namespace {

struct EarlyStopping {
  static Shapes shapes(const Shapes& in, const Attributes&) {
    expect_rank("early_stopping", "losses", 1, in[0]);
    return {Shape{}, Shape{}};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const auto& loss = in[0].values;
    const T delta(a.number("min_delta"));
    int best = -1, stop = -1;
    std::int64_t waited = 0;
    for (std::size_t t = 0; t < loss.size() && stop < 0; ++t) {
      if (is_nan(loss[t]) || (best >= 0 && !(loss[t] < loss[static_cast<std::size_t>(best)] - delta))) {
        if (++waited >= a.integer("patience")) stop = static_cast<int>(t);
      } else {
        best = static_cast<int>(t);
        waited = 0;
      }
    }
    return {Tensor<T>(Shape{}, {T(best)}), Tensor<T>(Shape{}, {T(stop)})};
  }
};

const Row early_stopping{whole<EarlyStopping>({
    .name = "early_stopping",
    .family = "regularization",
    .formula = "stop at the first t with `patience` epochs since the best loss",
    .source = "seed 5, named",
    .notes = "losses: (T).  Outputs: the best epoch and the epoch of the stop, −1 if there is none.  A NaN never improves.",
    .inputs = {{.name = "losses", .directed = {0, 1}, .typical = {0, 4}, .differentiable = false}},
    .outputs = {"best", "stop"},
    .attributes = {{.kind = AttributeRow::Kind::integer, .name = "patience", .standard = 2, .domain = "≥ 1", .valid = [](double p) { return p >= 1 && p <= 1e9; }},
                   not_negative_row("min_delta", 0)},
    .examples = {{.shapes = {{6}}}, {.shapes = {{6}}, .attributes = {{"min_delta", 0.25}, {"patience", std::int64_t{1}}}}},
})};

}  // namespace
}  // namespace karat
