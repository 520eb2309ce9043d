// SPDX-License-Identifier: MIT
// Losses over classes and regions beside their formulas in long double, at sizes on both sides of chunks, pieces and
// blocks; the judge's cases are smaller.
#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <map>

#include "kernels/testing_calls.hpp"

namespace karat::kernels::testing {
namespace {

using Real = long double;
using Numbers = std::vector<double>;
using Extents = std::vector<std::int64_t>;

struct Input {
  std::string name;
  Extents shape;
  Numbers values;
  bool labels = false;
};

struct Attributes {
  std::map<std::string, std::string> texts;
  std::map<std::string, double> numbers;
  std::map<std::string, std::int64_t> integers;
};

struct LossCall {
  std::string op;
  std::int32_t dtype;
  std::vector<Input> inputs;
  std::string output;
  Extents shape;
  Attributes attributes;
  int threads = 1;
};

std::int64_t count_of(const Extents& shape) {
  std::int64_t n = 1;
  for (const std::int64_t e : shape) n *= e;
  return n;
}
Extents strides_of(const Extents& shape) {
  Extents strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * std::max<std::int64_t>(1, shape[d]);
  return strides;
}

// The output's bits; every tensor ends at an unmapped page.  An empty result: the kernel failed.
std::vector<std::uint64_t> bits_of(const LossCall& c) {
  const karat_kernel& kernel = find_named_row(c.op, c.dtype);
  std::vector<Guarded> memory;
  std::vector<karat_tensor> tensors;
  std::vector<Extents> strides;
  for (const Input& in : c.inputs) strides.push_back(strides_of(in.shape));
  strides.push_back(strides_of(c.shape));
  const auto add = [&](const std::string& name, const Extents& shape, std::int32_t role, std::int32_t dtype) {
    const std::size_t size = dtype == KARAT_I64 ? 8 : format_of(dtype).bytes;
    memory.emplace_back(static_cast<std::size_t>(count_of(shape)) * size, 0, true);
    tensors.push_back({sizeof(karat_tensor), name.c_str(), role, dtype, memory.back().data(),
                       static_cast<std::int32_t>(shape.size()), 0, shape.data(), strides[tensors.size()].data()});
    return size;
  };
  for (const Input& in : c.inputs) {
    const std::size_t size = add(in.name, in.shape, KARAT_INPUT, in.labels ? KARAT_I64 : c.dtype);
    for (std::size_t i = 0; i < in.values.size(); ++i) {
      const std::uint64_t bits =
          in.labels ? static_cast<std::uint64_t>(static_cast<std::int64_t>(in.values[i])) : encode(in.values[i], c.dtype);
      std::memcpy(memory.back().data() + i * size, &bits, size);
    }
  }
  const std::size_t size = add(c.output, c.shape, KARAT_OUTPUT, c.dtype);
  std::vector<karat_attribute> attributes;
  for (const auto& [name, text] : c.attributes.texts)
    attributes.push_back({sizeof(karat_attribute), name.c_str(), KARAT_TEXT, 0, 0, 0, text.c_str(), nullptr});
  for (const auto& [name, number] : c.attributes.numbers)
    attributes.push_back({sizeof(karat_attribute), name.c_str(), KARAT_NUMBER, 0, number, 0, nullptr, nullptr});
  for (const auto& [name, n] : c.attributes.integers)
    attributes.push_back({sizeof(karat_attribute), name.c_str(), KARAT_INTEGER, 0, 0, n, nullptr, nullptr});
  std::vector<const karat_tensor*> tensor_pointers;
  std::vector<const karat_attribute*> attribute_pointers;
  for (const karat_tensor& t : tensors) tensor_pointers.push_back(&t);
  for (const karat_attribute& a : attributes) attribute_pointers.push_back(&a);
  karat_call call{sizeof(karat_call),
                  tensor_pointers.data(),
                  static_cast<std::int32_t>(tensors.size()),
                  static_cast<std::int32_t>(attributes.size()),
                  attribute_pointers.data(),
                  c.threads,
                  0,
                  nullptr,
                  0};
  const char* reason = nullptr;
  if (kernel.supports(&kernel, &call, &reason) != 1) throw Declined(reason == nullptr ? "" : reason);
  const std::size_t scratch_size = kernel.scratch_bytes(&kernel, &call);
  const Guarded scratch((scratch_size + 63) / 64 * 64, 0, true);
  call.scratch = scratch.data();
  call.scratch_size = scratch_size;
  if (kernel.run(&kernel, &call) != KARAT_OK) return {};
  std::vector<std::uint64_t> result(static_cast<std::size_t>(count_of(c.shape)), 0);
  for (std::size_t i = 0; i < result.size(); ++i) std::memcpy(&result[i], memory.back().data() + i * size, size);
  return result;
}
Numbers run(const LossCall& c) {
  Numbers values;
  for (const std::uint64_t bits : bits_of(c)) values.push_back(decode(bits, c.dtype));
  return values;
}

std::mt19937_64& randomness() {
  static std::mt19937_64 random(11);
  return random;
}
Numbers between(std::int32_t dtype, std::int64_t n, double low, double high) {
  Numbers values;
  for (std::int64_t i = 0; i < n; ++i) values.push_back(random_between(randomness(), dtype, low, high));
  return values;
}
Input numbers(std::string name, std::int32_t dtype, Extents shape, double low, double high) {
  Numbers values = between(dtype, count_of(shape), low, high);
  return {std::move(name), std::move(shape), std::move(values)};
}

struct Case {
  LossCall call;
  std::vector<Real> expected;
  Real scale = 0;  // errors are of |y| + scale·(largest |y|): what may cancel
};

// Compares on every instruction set: `ulps` of the format, and the same bits on three threads as on one.
void check(const Case& c, Real ulps) {
  const Format format = format_of(c.call.dtype);
  Real largest = 0;
  for (const Real y : c.expected) largest = std::max(largest, std::fabs(y));
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    LossCall threaded = c.call;
    threaded.threads = 3;
    const std::vector<std::uint64_t> bits = bits_of(c.call);
    INFO(hwy::TargetName(target) << " " << c.call.op << " " << name_of(c.call.dtype) << " reduction "
                                 << c.call.attributes.texts.at("reduction"));
    for (const Input& in : c.call.inputs) UNSCOPED_INFO(in.name << " of " << in.values.size());
    CHECK(bits == bits_of(threaded));
    REQUIRE(bits.size() == c.expected.size());
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < bits.size(); ++i) {
      const Real got = decode(bits[i], c.call.dtype), y = c.expected[i];
      const Real allowed = ulps * (ulp_of(y, format) + c.scale * ulp_of(largest, format));
      const bool ok = std::isinf(got) ? std::fabs(y) >= overflow_threshold(format) : std::fabs(got - y) <= allowed;
      if (!ok && wrong++ == 0) UNSCOPED_INFO("element " << i << " got " << got << " expected " << y);
    }
    CHECK(wrong == 0);
  }
}

const std::vector<std::string> kReductions = {"none", "sum", "mean"};

Extents reduced(const std::string& reduction, std::int64_t terms) { return reduction == "none" ? Extents{terms} : Extents{}; }

// Loss and gradient of terms L_n with derivatives D_n, by `reduction`.
struct Terms {
  std::vector<Real> losses;
  std::vector<std::vector<Real>> slopes;
  Real divisor;  // of the mean
};
std::vector<Real> reduced(const Terms& terms, const std::string& reduction) {
  if (reduction == "none") return terms.losses;
  Real sum = 0;
  for (const Real loss : terms.losses) sum += loss;
  return {reduction == "mean" ? sum / terms.divisor : sum};
}
std::vector<Real> gradient(const Terms& terms, const std::string& reduction, const Numbers& dy) {
  std::vector<Real> all;
  for (std::size_t n = 0; n < terms.slopes.size(); ++n)
    for (const Real slope : terms.slopes[n])
      all.push_back(slope * (reduction == "none" ? dy[n] : dy[0]) / (reduction == "mean" ? terms.divisor : 1));
  return all;
}

// Both calls of an operator whose gradient is by the input named `by`.
void check_both(const std::string& op, std::int32_t dtype, const std::vector<Input>& inputs, const std::string& by,
                Attributes attributes, const Terms& terms, Real ulps, Real gradient_scale) {
  for (const std::string& reduction : kReductions) {
    attributes.texts["reduction"] = reduction;
    const Extents y = reduced(reduction, static_cast<std::int64_t>(terms.losses.size()));
    check({{op, dtype, inputs, "y", y, attributes}, reduced(terms, reduction)}, ulps);
    std::vector<Input> with_dy = inputs;
    with_dy.insert(with_dy.begin(), numbers("dy", dtype, y, 0.5, 1.5));
    const auto shaped = std::find_if(inputs.begin(), inputs.end(), [&](const Input& in) { return in.name == by; });
    check({{op + "_backward", dtype, with_dy, "d" + by, shaped->shape, attributes},
           gradient(terms, reduction, with_dy[0].values),
           gradient_scale},
          ulps);
  }
}

std::vector<Real> softmax(const Real* x, std::int64_t classes, Real* log_sum) {
  const Real max = *std::max_element(x, x + classes);
  std::vector<Real> s;
  Real sum = 0;
  for (std::int64_t c = 0; c < classes; ++c) sum += s.emplace_back(std::exp(x[c] - max));
  for (Real& v : s) v /= sum;
  *log_sum = max + std::log(sum);
  return s;
}

// Exponentials of f32, f16 and bf16 logits are taken in f32.
Real ulps_of_logits(std::int32_t dtype) { return dtype == KARAT_F64 ? 4 : dtype == KARAT_F32 ? 16 : 0.6L; }

TEST_CASE("Softmax cross entropy of classes is its formula, at every number of classes") {
  for (const std::int32_t dtype : kDtypes)
    for (const std::int64_t classes : {1, 2, 7, 8, 9, 31, 33, 100, 2047, 2048, 2049, 4100})
      for (const bool plain : {true, false}) {
        const std::int64_t rows = classes < 10 ? 130 : 3;
        const Input x = numbers("x", dtype, {rows, classes}, -4, 4),
                    w = plain ? Input{"w", {0}, {}} : numbers("w", dtype, {classes}, 0.5, 2);
        Input t{"t", {rows}, {}, true};
        for (std::int64_t n = 0; n < rows; ++n)
          t.values.push_back(n % 3 == 1 && !plain ? -7
                                                  : static_cast<double>(randomness()() % static_cast<std::uint64_t>(classes)));
        const Real smoothing = plain ? 0 : 0.125;
        Terms terms{{}, {}, 0};
        const auto weight = [&](std::int64_t c) { return plain ? Real(1) : Real(w.values[static_cast<std::size_t>(c)]); };
        for (std::int64_t n = 0; n < rows; ++n) {
          const auto target = static_cast<std::int64_t>(t.values[static_cast<std::size_t>(n)]);
          std::vector<Real> slopes(static_cast<std::size_t>(classes), 0);
          Real loss = 0;
          if (target >= 0) {
            const std::vector<Real> row(x.values.begin() + n * classes, x.values.begin() + (n + 1) * classes);
            Real log_sum = 0, all = 0;
            const std::vector<Real> s = softmax(row.data(), classes, &log_sum);
            for (std::int64_t c = 0; c < classes; ++c) all += weight(c);
            loss = (1 - smoothing) * weight(target) * (log_sum - row[static_cast<std::size_t>(target)]);
            for (std::int64_t c = 0; c < classes; ++c) {
              const auto i = static_cast<std::size_t>(c);
              loss += smoothing / classes * weight(c) * (log_sum - row[i]);
              slopes[i] = (1 - smoothing) * weight(target) * (s[i] - (c == target ? 1 : 0)) +
                          smoothing / classes * (s[i] * all - weight(c));
            }
            terms.divisor += weight(target);
          }
          terms.losses.push_back(loss);
          terms.slopes.push_back(slopes);
        }
        const Attributes attributes{
            {{"all_ignored", "nan"}}, {{"label_smoothing", static_cast<double>(smoothing)}}, {{"ignore_index", -7}}};
        check_both("softmax_cross_entropy", dtype, {x, t, w}, "x", attributes, terms, ulps_of_logits(dtype),
                   plain ? 0 : Real(1) / classes);
      }
}

TEST_CASE("Softmax cross entropy of probabilities is its formula, at every number of classes") {
  for (const std::int32_t dtype : kDtypes)
    for (const std::int64_t classes : {1, 8, 9, 33, 2048, 2049, 4100})
      for (const bool plain : {true, false}) {
        const std::int64_t rows = classes < 10 ? 130 : 3;
        const Input x = numbers("x", dtype, {rows, classes}, -4, 4), t = numbers("t", dtype, {rows, classes}, 0, 1),
                    w = plain ? Input{"w", {0}, {}} : numbers("w", dtype, {classes}, 0.5, 2);
        const Real smoothing = plain ? 0 : 0.125;
        Terms terms{{}, {}, Real(rows)};
        for (std::int64_t n = 0; n < rows; ++n) {
          const std::vector<Real> row(x.values.begin() + n * classes, x.values.begin() + (n + 1) * classes);
          Real log_sum = 0, loss = 0, total = 0;
          std::vector<Real> slopes = softmax(row.data(), classes, &log_sum), u;
          for (std::size_t c = 0; c < row.size(); ++c) {
            u.push_back((plain ? 1 : w.values[c]) *
                        ((1 - smoothing) * t.values[static_cast<std::size_t>(n * classes) + c] + smoothing / classes));
            loss += u.back() * (log_sum - row[c]);
            total += u.back();
          }
          for (std::size_t c = 0; c < row.size(); ++c) slopes[c] = slopes[c] * total - u[c];
          terms.losses.push_back(loss);
          terms.slopes.push_back(slopes);
        }
        check_both("softmax_cross_entropy_probabilities", dtype, {x, t, w}, "x",
                   {{}, {{"label_smoothing", static_cast<double>(smoothing)}}, {}}, terms, ulps_of_logits(dtype), 1);
      }
}

TEST_CASE("Cross entropy is its formula, at every number of classes") {
  for (const std::int32_t dtype : kDtypes)
    for (const std::int64_t classes : {1, 5, 16, 33, 2047, 2048, 2049, 5000}) {
      const std::int64_t rows = classes < 10 ? 1300 : 3;
      const Input t = numbers("t", dtype, {rows, classes}, 0, 1), p = numbers("p", dtype, {rows, classes}, 0.01, 1);
      Terms terms{{}, {}, Real(rows)};
      for (std::size_t n = 0; n < static_cast<std::size_t>(rows); ++n) {
        terms.slopes.emplace_back();
        terms.losses.push_back(0);
        for (std::size_t i = n * static_cast<std::size_t>(classes); i < (n + 1) * static_cast<std::size_t>(classes); ++i) {
          terms.losses.back() -= t.values[i] * std::log(Real(p.values[i]));
          terms.slopes.back().push_back(-Real(t.values[i]) / p.values[i]);
        }
      }
      check_both("cross_entropy", dtype, {t, p}, "p", {}, terms, dtype == KARAT_F64 ? 2 : 0.6L, 0);
    }
}

TEST_CASE("Mask losses are their formulas, at every size of mask") {
  for (const std::int32_t dtype : kDtypes)
    for (const std::int64_t size : {1, 5, 33, 2049, 8191, 8192, 8193, 20000})
      for (const std::string kind : {"iou", "sum", "squared"}) {
        const std::int64_t masks = size < 10 ? 300 : 2;
        const Input p = numbers("p", dtype, {masks, size}, 0, 1), g = numbers("g", dtype, {masks, size}, 0, 1);
        const Real smooth = 0.5;
        Terms terms{{}, {}, Real(masks)};
        for (std::int64_t n = 0; n < masks; ++n) {
          const double *a = p.values.data() + n * size, *b = g.values.data() + n * size;
          Real shared = 0, all = 0, apart = 0;
          for (std::int64_t i = 0; i < size; ++i) {
            apart +=
                kind == "squared" ? (Real(a[i]) - b[i]) * (Real(a[i]) - b[i]) : a[i] * (1 - Real(b[i])) + b[i] * (1 - Real(a[i]));
            shared += Real(a[i]) * b[i];
            all += kind == "squared" ? Real(a[i]) * a[i] + Real(b[i]) * b[i] : Real(a[i]) + b[i];
          }
          const Real above = (kind == "iou" ? 1 : 2) * shared + smooth, below = (kind == "iou" ? all - shared : all) + smooth;
          terms.losses.push_back(apart / below);  // below - above, which loses digits
          terms.slopes.emplace_back();
          for (std::int64_t i = 0; i < size; ++i) {
            const Real d_above = kind == "iou" ? Real(b[i]) : 2 * Real(b[i]), d_below = kind == "iou"   ? 1 - Real(b[i])
                                                                                        : kind == "sum" ? 1
                                                                                                        : 2 * Real(a[i]);
            terms.slopes.back().push_back(-(d_above * below - above * d_below) / (below * below));
          }
        }
        Attributes attributes{{{"empty", "nan"}}, {{"smooth", 0.5}}, {}};
        if (kind != "iou") attributes.texts["denominator"] = kind;
        check_both(kind == "iou" ? "mask_iou_loss" : "dice_loss", dtype, {p, g}, "p", attributes, terms,
                   dtype == KARAT_F64 ? 8 : 0.6L, 1);
      }
}

TEST_CASE("Linear regression is its formula, at every number of samples and columns") {
  for (const std::int32_t dtype : kDtypes)
    for (const auto& [samples, columns] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {1, 1}, {5, 7}, {1003, 9}, {3, 2047}, {70, 2048}, {9, 2049}, {130, 4100}}) {
      const Input x = numbers("X", dtype, {samples, columns}, -1, 1), y = numbers("Y", dtype, {samples}, -1, 1),
                  theta = numbers("theta", dtype, {columns}, -1, 1);
      std::vector<Real> slopes(static_cast<std::size_t>(columns), 0);
      Real loss = 0;
      for (std::size_t n = 0; n < static_cast<std::size_t>(samples); ++n) {
        const double* row = x.values.data() + n * static_cast<std::size_t>(columns);
        Real r = y.values[n];
        for (std::size_t d = 0; d < slopes.size(); ++d) r -= Real(row[d]) * theta.values[d];
        loss += r * r;
        for (std::size_t d = 0; d < slopes.size(); ++d) slopes[d] -= 2 * r * row[d];
      }
      for (const std::string reduction : {"sum", "mean"}) {
        const Real divisor = reduction == "mean" ? Real(samples) : 1;
        const Attributes attributes{{{"reduction", reduction}}, {}, {}};
        check({{"linear_regression_loss", dtype, {x, y, theta}, "y", {}, attributes}, {loss / divisor}},
              dtype == KARAT_F64 ? 4 : 0.6L);
        std::vector<Real> expected;
        for (const Real slope : slopes) expected.push_back(slope / divisor);
        check({{"linear_regression_loss_backward", dtype, {{"dy", {}, {1}}, x, y, theta}, "dtheta", {columns}, attributes},
               expected,
               1},
              dtype == KARAT_F64 ? 4 : 0.6L);
      }
    }
}

TEST_CASE("A confident row's loss and gradient keep their digits") {
  for (const std::int32_t dtype : {KARAT_F64, KARAT_F32})
    for (const std::int64_t classes : {2, 10, 3000}) {
      Input x{"x", {1, classes}, Numbers(static_cast<std::size_t>(classes), -20)}, t{"t", {1}, {1}, true}, w{"w", {0}, {}};
      x.values[1] = 20;
      const Real rest = std::exp(-40.0L) * static_cast<Real>(classes - 1);
      const Attributes attributes{
          {{"all_ignored", "nan"}, {"reduction", "none"}}, {{"label_smoothing", 0}}, {{"ignore_index", -100}}};
      check({{"softmax_cross_entropy", dtype, {x, t, w}, "y", {1}, attributes}, {std::log1p(rest)}}, 2);
      std::vector<Real> slopes(x.values.size(), std::exp(-40.0L) / (1 + rest));
      slopes[1] = -rest / (1 + rest);
      check({{"softmax_cross_entropy_backward", dtype, {{"dy", {1}, {1}}, x, t, w}, "dx", {1, classes}, attributes}, slopes}, 3);
    }
}

TEST_CASE("Rows without a softmax are NaN, entries of -inf have no share, and a target that is no class fails") {
  const double inf = INFINITY;
  const Input w{"w", {0}, {}}, dy{"dy", {4}, {1, 1, 1, 1}};
  const Attributes attributes{
      {{"all_ignored", "nan"}, {"reduction", "none"}}, {{"label_smoothing", 0}}, {{"ignore_index", -100}}};
  for (const std::int32_t dtype : kDtypes) {
    const Input x{"x", {4, 3}, {NAN, 0, 1, 0, inf, 1, -inf, -inf, -inf, -inf, 2, 2}}, t{"t", {4}, {1, 1, 1, 1}, true};
    const Numbers loss = run({"softmax_cross_entropy", dtype, {x, t, w}, "y", {4}, attributes});
    const Numbers dx = run({"softmax_cross_entropy_backward", dtype, {dy, x, t, w}, "dx", {4, 3}, attributes});
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::isnan(loss[i]));
    for (std::size_t i = 0; i < 9; ++i) CHECK(std::isnan(dx[i]));
    CHECK(loss[3] == Approx(std::log(2.0)).epsilon(0.01));
    CHECK((dx[9] == 0 && dx[10] == -0.5 && dx[11] == 0.5));
    Input none = t;
    for (const double target : {3.0, -1.0}) {
      none.values[2] = target;
      CHECK(bits_of({"softmax_cross_entropy", dtype, {x, none, w}, "y", {4}, attributes}).empty());
      CHECK(bits_of({"softmax_cross_entropy_backward", dtype, {dy, x, none, w}, "dx", {4, 3}, attributes}).empty());
    }
    CHECK_THROWS_AS(run({"softmax_cross_entropy", dtype, {x, Input{"t", {3}, {0, 0, 0}, true}, w}, "y", {4}, attributes}),
                    Declined);
    CHECK_THROWS_AS(run({"softmax_cross_entropy", dtype, {x, t, Input{"w", {2}, {1, 1}}}, "y", {4}, attributes}), Declined);
    CHECK_THROWS_AS(run({"softmax_cross_entropy", dtype, {x, t, w}, "y", {}, attributes}), Declined);
  }
}

}  // namespace
}  // namespace karat::kernels::testing
