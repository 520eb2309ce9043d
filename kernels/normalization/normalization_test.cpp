// SPDX-License-Identifier: MIT
// Normalizations against their formulas in long double, at the sizes where kernels change their ways: planes and
// columns, blocks, parts, strips, sections of rows.
#include <catch2/catch.hpp>

#include <map>

#include "kernels/testing_calls.hpp"

namespace karat::kernels::testing {
namespace {

using Values = std::vector<double>;
using Long = long double;

std::size_t size_of(const std::vector<std::int64_t>& shape) { return static_cast<std::size_t>(product(shape)); }

struct Norm {
  std::string op;
  std::int32_t dtype = KARAT_F64;
  NamedCall call{};

  NamedTensor& operator[](const std::string& name) {
    for (NamedTensor& t : call.tensors)
      if (t.name == name) return t;
    throw std::invalid_argument(name);
  }
};

// Fills in the outputs.
void run(Norm& norm, int threads = 1) {
  NamedCall call = norm.call;
  call.threads = threads;
  for (NamedTensor& t : call.tensors)
    if (t.role == KARAT_OUTPUT) t.values.clear();
  const auto bits = run_named(find_named_row(norm.op, norm.dtype), call);
  for (std::size_t t = 0; t < bits.size(); ++t)
    if (norm.call.tensors[t].role == KARAT_OUTPUT) norm.call.tensors[t].values = decoded(bits[t], norm.dtype);
}

// An exact value, and the largest of the terms that may cancel in it.
struct Expected {
  Long value, terms;
};

// Within the last rounding, and `share` of the terms.
void check(const Norm& norm, const NamedTensor& t, const std::vector<Expected>& expected) {
  const Format f = format_of(norm.dtype);
  const Long share = norm.dtype == KARAT_F64 ? 0x1p-58L : 0x1p-30L;
  REQUIRE(t.values.size() == expected.size());
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Long y = expected[i].value, bound = 0.5L * ulp_of(y, f) + share * expected[i].terms;
    const bool ok = std::fabs(static_cast<Long>(t.values[i]) - y) <= bound ||
                    (std::isinf(t.values[i]) && std::fabs(y) + bound >= overflow_threshold(f));
    if (!ok && ++wrong == 1)
      FAIL_CHECK(norm.op << " " << name_of(norm.dtype) << " " << t.name << "[" << i << "] of " << expected.size() << ": got "
                         << t.values[i] << ", expected " << static_cast<double>(y));
  }
  CHECK(wrong == 0);
}

Values numbers(std::size_t n, std::int32_t dtype, double low, double high, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Values values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(random_between(random, dtype, low, high));
  return values;
}

constexpr double kEps = 0x1p-17;

// Keeps the roundings of its additions.
struct LongSum {
  Long hi = 0, lo = 0;
  void add(Long v) {
    const Long sum = hi + v, part = sum - hi;
    lo += (hi - (sum - part)) + (v - part);
    hi = sum;
  }
  Long total() const { return hi + lo; }
  LongSum over(Long n) const {
    const Long q = hi / n;
    return {q, (std::fma(-q, n, hi) + lo) / n};
  }
};

// Where the values of a channel, or of a row, lie.
struct Groups {
  std::size_t count, inner, channels;
  bool rows;
  Groups(const std::vector<std::int64_t>& shape, bool of_rows) : rows(of_rows) {
    channels = static_cast<std::size_t>(of_rows ? shape.back() : shape[1]);
    inner = 1;
    for (std::size_t d = 2; !of_rows && d < shape.size(); ++d) inner *= static_cast<std::size_t>(shape[d]);
    count = of_rows ? size_of(shape) / channels : channels;
  }
  std::size_t of(std::size_t i) const { return rows ? i / channels : i / inner % channels; }
  std::size_t parameter(std::size_t i) const { return rows ? i % channels : of(i); }
};

struct Statistics {
  Long n = 0, variance = 0, along = 0, terms = 0;  // along: mean of g(x − mean)
  LongSum mean, mean_g;
  Long centred(double x) const { return (x - mean.hi) - mean.lo; }
  Long centred_g(Long g) const { return (g - mean_g.hi) - mean_g.lo; }
};

// g is γ·dy in rows and dy in channels.
std::vector<Statistics> statistics(const Groups& groups, const Values& x, const std::vector<Long>& g, bool centred = true) {
  std::vector<Statistics> all(groups.count);
  struct Sums {
    LongSum x, g, squares, products;
  };
  std::vector<Sums> sums(groups.count);
  for (std::size_t i = 0; i < x.size(); ++i) {
    all[groups.of(i)].n += 1;
    sums[groups.of(i)].x.add(x[i]);
    sums[groups.of(i)].g.add(g[i]);
  }
  for (std::size_t j = 0; centred && j < all.size(); ++j) {
    all[j].mean = sums[j].x.over(all[j].n);
    all[j].mean_g = sums[j].g.over(all[j].n);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    Statistics& s = all[groups.of(i)];
    const Long d = s.centred(x[i]);
    sums[groups.of(i)].squares.add(d * d);
    sums[groups.of(i)].products.add(g[i] * d);
    s.terms += std::fabs(g[i] * d) / s.n;
  }
  for (std::size_t j = 0; j < all.size(); ++j) {
    all[j].variance = sums[j].squares.total() / all[j].n;
    all[j].along = sums[j].products.total() / all[j].n;
  }
  return all;
}

Norm make(const char* op, std::int32_t dtype, const std::vector<std::int64_t>& shape, double mean) {
  const bool backward = std::string_view(op).find("backward") != std::string_view::npos;
  const bool rows = std::string_view(op).substr(0, 5) != "batch", rms = std::string_view(op).substr(0, 3) == "rms";
  const std::int64_t parameters = rows ? shape.back() : shape[1];
  const auto n = static_cast<std::size_t>(parameters);
  Norm norm{op, dtype};
  norm.call.attributes = {number("eps", kEps)};
  if (!rows) norm.call.attributes.push_back(text("form", "standard"));
  const auto tensor = [&](const char* name, std::int32_t role, std::vector<std::int64_t> its, Values values = {}) {
    norm.call.tensors.push_back({name, role, dtype, std::move(its), std::move(values)});
  };
  if (backward) tensor("dy", KARAT_INPUT, shape, numbers(size_of(shape), dtype, -1, 2, 2));
  tensor("x", KARAT_INPUT, shape, numbers(size_of(shape), dtype, mean - 2, mean + 2, 1));
  tensor("gamma", KARAT_INPUT, {parameters}, numbers(n, dtype, -2, 2, 3));
  if (!rms) tensor("beta", KARAT_INPUT, {parameters}, numbers(n, dtype, -2, 2, 4));
  tensor(backward ? "dx" : "y", KARAT_OUTPUT, shape);
  if (backward) tensor("dgamma", KARAT_OUTPUT, {parameters});
  if (backward && !rms) tensor("dbeta", KARAT_OUTPUT, {parameters});
  return norm;
}

// The exact outputs, by their names.
std::map<std::string, std::vector<Expected>> exact(Norm& norm) {
  const bool backward = norm.op.find("backward") != std::string::npos, rows = norm.op.substr(0, 5) != "batch",
             rms = norm.op.substr(0, 3) == "rms";
  const Groups groups(norm["x"].shape, rows);
  const Values &x = norm["x"].values, &gamma = norm["gamma"].values;
  std::vector<Long> g(x.size(), 0);
  for (std::size_t i = 0; backward && i < x.size(); ++i)
    g[i] = norm["dy"].values[i] * (rows ? static_cast<Long>(gamma[groups.parameter(i)]) : 1);
  const std::vector<Statistics> all = statistics(groups, x, g, !rms);
  std::map<std::string, std::vector<Expected>> result;
  std::vector<Expected>& out = result[backward ? "dx" : "y"];
  std::vector<LongSum> dgamma(gamma.size()), dbeta(gamma.size());
  if (backward) result["dgamma"].resize(gamma.size());
  if (backward && !rms) result["dbeta"].resize(gamma.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const Statistics& s = all[groups.of(i)];
    const std::size_t p = groups.parameter(i);
    const Long r = 1 / std::sqrt(s.variance + kEps), hat = s.centred(x[i]) * r;
    if (!backward) {
      const Long beta = rms ? 0 : norm["beta"].values[p];
      out.push_back({gamma[p] * hat + beta, std::fabs(gamma[p] * hat) + std::fabs(beta)});
      continue;
    }
    const Long factor = rows ? r : gamma[p] * r, dy = norm["dy"].values[i];
    out.push_back({factor * (s.centred_g(g[i]) - hat * r * s.along),
                   std::fabs(factor) * (std::fabs(g[i]) + std::fabs(s.mean_g.hi) + std::fabs(hat) * r * s.terms)});
    dgamma[p].add(dy * hat);
    dbeta[p].add(dy);
    result["dgamma"][p].terms += std::fabs(dy * hat);
    if (!rms) result["dbeta"][p].terms += std::fabs(dy);
  }
  for (auto& [name, values] : result)
    for (std::size_t p = 0; p < gamma.size() && name != "dx" && name != "y"; ++p)
      values[p].value = (name == "dgamma" ? dgamma : dbeta)[p].total();
  return result;
}

void check_against_formula(Norm norm) {
  const auto expected = exact(norm);
  run(norm, 2);
  for (const auto& [name, values] : expected) check(norm, norm[name], values);
}

using Shapes = std::vector<std::vector<std::int64_t>>;

// Columns and planes; blocks, parts and units; many units, and few that share threads; an output past the caches.
const Shapes& channel_shapes() {
  static const Shapes all = {{3, 5},       {33, 7, 1, 3}, {2100, 40},       {1100, 270},     {20, 4200},     {5, 3, 3, 5},
                             {3, 2, 4, 4}, {7, 20, 7, 7}, {2, 3, 100, 100}, {40, 2, 60, 60}, {3, 17, 70, 3}, {70, 1, 9, 31}};
  return all;
}
const Shapes& row_shapes() {
  static const Shapes all = {{3, 5}, {2, 3, 17}, {40, 1000}, {3, 5000}, {2, 70000}, {260, 2100}, {5, 17000}, {321, 1100}};
  return all;
}

}  // namespace

TEST_CASE("Normalizations give the formula's values at the sizes where their ways part") {
  for (const std::int32_t dtype : kDtypes) {
    const std::size_t most = format_of(dtype).bytes == 2 ? 150000 : 1000000;
    for (const auto& shape : channel_shapes())
      for (const char* op : {"batch_norm", "batch_norm_backward"})
        if (size_of(shape) <= most) check_against_formula(make(op, dtype, shape, 1));
    for (const auto& shape : row_shapes())
      for (const char* op : {"layer_norm", "layer_norm_backward", "rms_norm", "rms_norm_backward"})
        if (size_of(shape) <= most) check_against_formula(make(op, dtype, shape, 1));
  }
}

TEST_CASE("Outputs that are larger than caches hold, and dγ of many sections of rows") {
  check_against_formula(make("batch_norm", KARAT_F32, {5, 7, 350, 350}, 1));
  check_against_formula(make("layer_norm_backward", KARAT_F32, {321, 8200}, 1));
}

TEST_CASE("Variances survive a mean that is a thousand times as large") {
  for (const std::int32_t dtype : {KARAT_F64, KARAT_F32}) {
    for (const auto& shape : channel_shapes()) check_against_formula(make("batch_norm", dtype, shape, 4096));
    for (const auto& shape : row_shapes()) check_against_formula(make("layer_norm", dtype, shape, 4096));
  }
}

TEST_CASE("A first value far from all others costs no accuracy") {
  for (const std::int32_t dtype : {KARAT_F64, KARAT_F32})
    for (const std::vector<std::int64_t>& shape : Shapes{{3, 2, 60, 60}, {900, 3}}) {
      Norm norm = make("batch_norm", dtype, shape, 0);
      norm["x"].values[0] = 1e6;
      check_against_formula(norm);
    }
}

TEST_CASE("Every instruction set normalizes as the formula does") {
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    INFO(hwy::TargetName(target));
    for (const std::int32_t dtype : kDtypes) {
      for (const std::vector<std::int64_t>& shape : Shapes{{9, 19}, {3, 2, 5, 7}, {2, 2, 70, 71}})
        for (const char* op : {"batch_norm", "batch_norm_backward"}) check_against_formula(make(op, dtype, shape, 1));
      for (const std::vector<std::int64_t>& shape : Shapes{{3, 1}, {5, 37}, {2, 5003}})
        for (const char* op : {"layer_norm", "layer_norm_backward", "rms_norm", "rms_norm_backward"})
          check_against_formula(make(op, dtype, shape, 1));
    }
  }
}

TEST_CASE("Normalizations give the same bits on any number of threads") {
  const auto same = [](Norm norm) {
    Norm other = norm;
    run(norm, 1);
    for (const int threads : {2, 3, 5}) {
      run(other, threads);
      for (std::size_t t = 0; t < norm.call.tensors.size(); ++t) CHECK(norm.call.tensors[t].values == other.call.tensors[t].values);
    }
  };
  for (const std::int32_t dtype : {KARAT_F64, KARAT_F32, KARAT_BF16}) {
    for (const auto& shape : channel_shapes()) same(make("batch_norm_backward", dtype, shape, 1));
    for (const auto& shape : row_shapes()) {
      same(make("layer_norm_backward", dtype, shape, 1));
      same(make("rms_norm", dtype, shape, 1));
    }
  }
}

TEST_CASE("One value a channel, constant rows, no rows, and sums beyond the range") {
  for (const std::int32_t dtype : kDtypes) {
    Norm one = make("batch_norm", dtype, {1, 3}, 1);
    run(one);
    CHECK(one["y"].values == one["beta"].values);
    Norm constant = make("layer_norm", dtype, {2, 21}, 1);
    std::fill(constant["x"].values.begin(), constant["x"].values.end(), 3.0);
    run(constant);
    for (std::size_t i = 0; i < 42; ++i) CHECK(constant["y"].values[i] == constant["beta"].values[i % 21]);
    constant.call.attributes[0].number = 0;
    run(constant);
    for (const double y : constant["y"].values) CHECK(std::isnan(y));
    for (const char* op : {"layer_norm_backward", "rms_norm_backward"}) {
      Norm none = make(op, dtype, {0, 5}, 1);
      run(none);
      CHECK(none["dgamma"].values == Values(5, 0.0));
    }
    Norm empty = make("batch_norm_backward", dtype, {0, 5}, 1);
    run(empty);
    CHECK(empty["dbeta"].values == Values(5, 0.0));
  }
  // Σ(x − μ)dy leaves the range of a double, dx does not.
  for (const char* op : {"batch_norm_backward", "layer_norm_backward"})
    for (const std::vector<std::int64_t>& shape : Shapes{{40, 24}, {3, 2, 8, 9}}) {
      Norm small = make(op, KARAT_F64, shape, 1);
      Norm large = small;
      for (double& dy : large["dy"].values) dy *= 0x1p1020;
      run(small);
      run(large);
      for (std::size_t i = 0; i < size_of(shape); ++i) CHECK(large["dx"].values[i] == small["dx"].values[i] * 0x1p1020);
    }
}

}  // namespace karat::kernels::testing
