// SPDX-License-Identifier: MIT
// Optimizers that are no streams, and early stopping, at sizes where blocks, folds and panels begin and end.
#include <catch2/catch.hpp>

#include "kernels/column_sums.hpp"
#include "kernels/testing_calls.hpp"

namespace karat::kernels::testing {
namespace {

using Values = std::vector<double>;
using Shape = std::vector<std::int64_t>;

Values uniform(std::mt19937_64& random, std::int32_t dtype, std::int64_t n) {
  Values values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(random_between(random, dtype, -1, 1));
  return values;
}

NamedCall descent(const Values& theta, const Values& g, std::int32_t dtype) {
  const auto columns = static_cast<std::int64_t>(theta.size());
  const std::int64_t samples = columns == 0 ? 0 : static_cast<std::int64_t>(g.size()) / columns;
  return {.tensors = {{"theta", KARAT_INOUT, dtype, {columns}, theta}, {"g", KARAT_INPUT, dtype, {samples, columns}, g}},
          .attributes = {number("eta", 0.125), text("reduction", "sum")}};
}

TEST_CASE("gd and minibatch_sgd sum the samples as long double does, in any layout and on any number of threads") {
  const auto tile = static_cast<std::int64_t>(ColumnSums::kTile);
  const Shape shapes[] = {{1, 1},        {2, 1},     {511, 1},      {513, 1},        {5, 3},
                          {171, 3},      {70000, 3}, {33, 255},     {33, 256},       {40, 257},
                          {3, tile - 1}, {9, tile},  {8, tile + 1}, {700, tile + 5}, {2, 20 * tile + 3}};
  for (const std::int32_t dtype : kDtypes)
    for (const Shape& shape : shapes) {
      std::mt19937_64 random(3);
      const Values theta = uniform(random, dtype, shape[1]), g = uniform(random, dtype, shape[0] * shape[1]);
      for (const char* op : {"gd", "minibatch_sgd"}) {
        const karat_kernel& row = find_named_row(op, dtype);
        NamedCall call = descent(theta, g, dtype);
        const std::vector<std::uint64_t> bits = run_named(row, call)[0];
        const Values next = decoded(bits, dtype);
        std::size_t wrong = 0;
        for (std::size_t d = 0; d < theta.size(); ++d) {
          long double sum = 0, magnitude = 1;
          for (std::size_t n = 0; n < static_cast<std::size_t>(shape[0]); ++n) {
            sum += g[n * theta.size() + d];
            magnitude += std::fabs(g[n * theta.size() + d]);
          }
          if (std::string_view(op) == "minibatch_sgd") sum /= static_cast<long double>(shape[0]);
          const long double exact = theta[d] - 0.125L * sum;
          // Doubles that are added one after the other, or pairs of them; a mean is rounded as well.
          const long double slack = dtype == KARAT_F64 ? std::fabs(sum) * 0x1p-53L + magnitude * 0x1p-60L
                                                       : magnitude * 0x1p-53L * static_cast<long double>(shape[0] + 2);
          wrong += std::fabs(next[d] - exact) <= ulp_of(exact, format_of(dtype)) / 2 + slack ? 0 : 1;
        }
        INFO(op << " " << name_of(dtype) << " " << shape[0] << " samples of " << shape[1]);
        CHECK(wrong == 0);
        call.threads = 2;
        CHECK((run_named(row, call)[0] == bits));
        call.tensors[0].strides = {3};
        call.tensors[1].strides = {2 * shape[1] + 5, 2};
        CHECK((run_named(row, call)[0] == bits));
        call.tensors[1].strides = {1, shape[0]};
        CHECK((run_named(row, call)[0] == bits));
      }
    }
}

TEST_CASE("gd of no sample or no parameter, of infinities and of what cancels") {
  for (const std::int32_t dtype : kDtypes) {
    const karat_kernel& row = find_named_row("gd", dtype);
    CHECK(run_named(row, descent({}, {}, dtype))[0].empty());
    NamedCall none = descent({1, 2, 3}, {}, dtype);
    CHECK(decoded(run_named(row, none)[0], dtype) == Values{1, 2, 3});
    none.attributes[1] = text("reduction", "mean");
    for (const double v : decoded(run_named(row, none)[0], dtype)) CHECK(std::isnan(v));
    const Values next =
        decoded(run_named(row, descent({1, 1, 1}, {INFINITY, INFINITY, 8, INFINITY, -INFINITY, 8}, dtype))[0], dtype);
    CHECK(next[0] == -INFINITY);
    CHECK(std::isnan(next[1]));
    CHECK(next[2] == -1);
  }
  CHECK(decoded(run_named(find_named_row("gd", KARAT_F64), descent({0}, {0x1p80, 8, -0x1p80}, KARAT_F64))[0], KARAT_F64) ==
        Values{-1});
}

// H d = g in integers, H symmetric and dominated by its diagonal.
NamedCall step_of_newton(std::int64_t n, std::int32_t dtype, Values& expected) {
  std::mt19937_64 random(static_cast<std::uint64_t>(n));
  const auto size = static_cast<std::size_t>(n);
  Values h(size * size), d(size), g(size), theta(size);
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t j = 0; j < i; ++j) h[i * size + j] = h[j * size + i] = static_cast<double>(random() % 7) - 3;
    h[i * size + i] = 4 * static_cast<double>(n);
    d[i] = static_cast<double>(random() % 17) - 8;
    theta[i] = static_cast<double>(random() % 17) - 8;
  }
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) g[i] += h[i * size + j] * d[j];
  expected.clear();
  for (std::size_t i = 0; i < size; ++i) expected.push_back(theta[i] - 0.5 * d[i]);
  return {.tensors = {{"theta", KARAT_INOUT, dtype, {n}, theta},
                      {"g", KARAT_INPUT, dtype, {n}, g},
                      {"H", KARAT_INPUT, dtype, {n, n}, h}},
          .attributes = {number("eta", 0.5)}};
}

// The largest difference; NaN if there is one.
double furthest(const Values& got, const Values& expected) {
  double distance = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = std::fabs(got[i] - expected[i]);
    if (!(d <= distance)) distance = d;
  }
  return distance;
}

TEST_CASE("newton finds solutions in small integers, on every target, at sizes on both sides of panels and groups") {
  for (const std::int64_t target : targets())
    for (const std::int32_t dtype : {KARAT_F64, KARAT_F32})
      for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 63, 64, 65, 95, 97, 127, 128, 129, 200}) {
        const OnTarget on(target);
        const karat_kernel& row = find_named_row("newton", dtype);
        Values expected;
        NamedCall call = step_of_newton(n, dtype, expected);
        INFO(name_of(dtype) << " n " << n << " on " << hwy::TargetName(target));
        // All are halves of integers: where one is not 0, this is equality.
        CHECK(furthest(decoded(run_named(row, call)[0], dtype), expected) <= 1e-25);
        call.threads = 3;
        call.tensors[0].strides = {2};
        call.tensors[2].strides = {3, 3 * n + 1};
        CHECK(furthest(decoded(run_named(row, call)[0], dtype), expected) <= 1e-25);
      }
}

TEST_CASE("newton takes no step where H is not positive definite, and passes NaN on") {
  const auto step = [](const Values& h, const Values& g) {
    const NamedCall call{.tensors = {{"theta", KARAT_INOUT, KARAT_F64, {2}, {1, 2}},
                                     {"g", KARAT_INPUT, KARAT_F64, {2}, g},
                                     {"H", KARAT_INPUT, KARAT_F64, {2, 2}, h}},
                         .attributes = {number("eta", 1)}};
    return decoded(run_named(find_named_row("newton", KARAT_F64), call)[0], KARAT_F64);
  };
  CHECK(step({2, 1, 1, 2}, {3, 3}) == Values{0, 1});
  for (const Values& h : {Values{1, 2, 2, 1}, Values{1, 1, 1, 1}, Values{0, 0, 0, 0}, Values{-1, 0, 0, 1}, Values{NAN, 0, 0, 1},
                          Values{INFINITY, 0, 0, 1}})
    for (const double v : step(h, {1, 1})) CHECK(std::isnan(v));
  for (const Values& g : {Values{NAN, 1}, Values{1, NAN}})
    for (const double v : step({1, 0, 0, 1}, g)) CHECK(std::isnan(v));
}

TEST_CASE("Optimizers decline shapes and attributes that do not fit") {
  const karat_kernel &newton = find_named_row("newton", KARAT_F64), &gd = find_named_row("gd", KARAT_F64),
                     &adam = find_named_row("adam", KARAT_F64);
  Values unused;
  NamedCall call = step_of_newton(2, KARAT_F64, unused);
  call.tensors[2].shape = {2, 3};
  CHECK(reason(newton, call) == "H is not (D, D)");
  call.tensors[1].shape = {3};
  CHECK(reason(newton, call) == "theta and g are not (D)");
  call = step_of_newton(2, KARAT_F64, unused);
  call.attributes = {number("eta", INFINITY)};
  CHECK(reason(newton, call) == "eta is not finite");
  call = descent({1, 2}, {1, 2, 3, 4}, KARAT_F64);
  call.tensors[0].shape = {4};
  CHECK(reason(gd, call) == "theta is not (D) with g (N, D)");
  call.tensors[1].shape = {4};
  CHECK(reason(gd, call) == "the matrix has not two dimensions");
  call = descent({1, 2}, {1, 2, 3, 4}, KARAT_F64);
  call.attributes[1] = text("reduction", "none");
  CHECK(reason(gd, call) == "reduction is sum or mean");

  call = {};
  for (const char* name : {"theta", "g", "v", "s", "s_max"})
    call.tensors.push_back({name, name == std::string("g") ? KARAT_INPUT : KARAT_INOUT, KARAT_F64, {1}, {1}});
  call.attributes = {number("eta", 0.5), number("beta1", 0.5),         number("beta2", 0.5),
                     number("eps", 0),   text("eps_placement", "hat"), integer("amsgrad", 0),
                     integer("t", 1),    number("weight_decay", 0),    text("decay", "coupled")};
  CHECK(reason(adam, call) == "");
  const auto with = [&](const NamedAttribute& changed) {
    NamedCall other = call;
    for (NamedAttribute& a : other.attributes)
      if (a.name == changed.name) a = changed;
    return reason(adam, other);
  };
  CHECK(with(number("eta", NAN)) == "eta is not finite");
  CHECK(with(number("beta1", 1.5)) == "a rate is not from 0 to 1");
  CHECK(with(number("beta2", NAN)) == "a rate is not from 0 to 1");
  CHECK(with(number("eps", -1)) == "eps is negative or not finite");
  CHECK(with(number("weight_decay", -1)) == "weight_decay is negative or not finite");
  CHECK(with(integer("t", 0)) == "the first step is number 1");
  CHECK(with(text("eps_placement", "above")) == "eps_placement is outside, inside or hat");
  CHECK(with(text("decay", "slow")) == "decay is coupled or decoupled");
}

TEST_CASE("Early stopping: the best epoch and the stop, in every dtype, beyond a block of epochs") {
  const auto stopping = [](std::int32_t dtype, const Values& losses, std::int64_t patience, double delta) {
    const NamedCall call{.tensors = {{"losses", KARAT_INPUT, dtype, {static_cast<std::int64_t>(losses.size())}, losses},
                                     {"best", KARAT_OUTPUT, dtype, {}, {}},
                                     {"stop", KARAT_OUTPUT, dtype, {}, {}}},
                         .attributes = {integer("patience", patience), number("min_delta", delta)}};
    const auto bits = run_named(find_named_row("early_stopping", dtype), call);
    return Values{decoded(bits[1], dtype)[0], decoded(bits[2], dtype)[0]};
  };
  for (const std::int32_t dtype : kDtypes) {
    CHECK(stopping(dtype, {}, 2, 0) == Values{-1, -1});
    CHECK(stopping(dtype, {3, 2, 2, 1}, 2, 0) == Values{3, -1});
    CHECK(stopping(dtype, {3, 2, 2, 2, 1}, 2, 0) == Values{1, 3});
    CHECK(stopping(dtype, {NAN, NAN, 2, 1}, 2, 0) == Values{-1, 1});
    CHECK(stopping(dtype, {NAN, 2, NAN, 1}, 2, 0) == Values{3, -1});
    CHECK(stopping(dtype, {INFINITY, INFINITY, 1, -INFINITY, 0}, 2, 0) == Values{3, -1});
    CHECK(stopping(dtype, {3, 2, 2, 0}, 2, 1) == Values{0, 2});  // by min_delta is not by more
    Values late(600, 2);
    late[0] = 3;
    late[256] = 1;
    CHECK(stopping(dtype, late, 254, 0) == Values{1, 255});
    CHECK(stopping(dtype, late, 256, 0) == Values{256, 512});
  }
  // The difference is no double.
  CHECK(stopping(KARAT_F64, {1, 1 - 0x1p-53}, 1, 0x1.cp-54) == Values{1, -1});
  CHECK(stopping(KARAT_F64, {1, 1 - 0x1p-53}, 1, 0x1.4p-53) == Values{0, 1});
  CHECK(stopping(KARAT_F32, {1, 1 - 0x1p-24}, 1, 0x1.fffffep-25) == Values{1, -1});
  CHECK(stopping(KARAT_F64, {-0x1.fp1023, -INFINITY}, 1, 0x1p1023) == Values{1, -1});
}

}  // namespace
}  // namespace karat::kernels::testing
