// SPDX-License-Identifier: MIT
// What the rows promise beside accuracy: special values, bounds of memory, strides, in place,
// the same bits wherever an element stands and however many threads work, and what they decline.
#include "kernels/rows.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>
#include <tuple>

#include "kernels/testing.hpp"

namespace karat::kernels::testing {
namespace {

// A kernel of one or two inputs and an output that are alike.
struct Op {
  std::string name, kernel = {};
  int inputs;
  std::vector<Attribute> attributes = {};
  std::vector<std::int32_t> dtypes = {};
  bool along_axis() const { return !attributes.empty() && std::string_view(attributes[0].first) == "axis"; }
};

double usual(std::string_view attribute) {
  if (attribute == "axis") return 0;
  if (attribute == "beta") return 2;
  if (attribute == "threshold") return 20;
  return 0.25;
}

const std::vector<Op>& ops() {
  static const std::vector<Op> all = [] {
    std::vector<Op> found;
    for (const karat_kernel& row : rows()) {
      const auto* uniform = dynamic_cast<const Uniform*>(&operator_of(row));
      if (uniform == nullptr) continue;
      if (found.empty() || found.back().name != row.op || found.back().kernel != row.kernel) {
        found.push_back({row.op, row.kernel, uniform->description().inputs});
        for (const char* name : uniform->description().attributes)
          if (name != nullptr) found.back().attributes.push_back({name, usual(name)});
      }
      found.back().dtypes.push_back(row.dtype);
    }
    return found;
  }();
  return all;
}

Job job_of(const Op& op, std::int32_t dtype, std::size_t n, std::uint64_t seed = 3) {
  std::mt19937_64 random(seed);
  Job job{.op = op.name, .dtype = dtype, .attributes = op.attributes, .kernel = op.kernel};
  for (int t = 0; t < op.inputs; ++t) {
    job.inputs.emplace_back();
    for (std::size_t i = 0; i < n; ++i) job.inputs.back().push_back(random_between(random, dtype, -8, 8));
  }
  return job;
}

std::string about(const Job& job) { return job.op + " " + job.kernel + " " + name_of(job.dtype); }

TEST_CASE("Every operator has a row in each dtype, and every row says what holds of it") {
  REQUIRE(!rows().empty());
  std::set<std::string> operators;
  std::set<std::pair<std::string, std::int32_t>> with_dtype;
  std::set<std::tuple<std::string, std::int32_t, std::string>> all;
  for (const karat_kernel& row : rows()) {
    INFO(row.op << " " << row.kernel << " " << name_of(row.dtype));
    CHECK(row.struct_size == sizeof(karat_kernel));
    CHECK(std::string_view(row.op).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos);
    CHECK(std::string_view(row.kernel).size() > 3);
    CHECK((row.capabilities & kDense) == kDense);
    CHECK((row.capabilities & ~kAnyStrides) == 0);
    CHECK((row.claim == nullptr || std::string_view(row.claim) == "exact" || std::string_view(row.claim) == "faithful"));
    CHECK(row.min_alignment == 0);
    CHECK(row.over_read == 0);
    CHECK(row.supports != nullptr);
    CHECK(row.run != nullptr);
    operators.insert(row.op);
    with_dtype.insert({row.op, row.dtype});
    CHECK(all.insert({row.op, row.dtype, row.kernel}).second);
  }
  for (const std::string& op : operators) {
    for (const std::int32_t dtype : kDtypes) {
      INFO(op << " " << name_of(dtype));
      CHECK(with_dtype.count({op, dtype}) == 1);
    }
    INFO(op);
    CHECK(operators.count(op.substr(0, op.find("_backward"))) == 1);  // no gradient of an operator that is not there
  }
}

TEST_CASE("Every row declines a call that is not its operator's, with a reason") {
  for (const karat_kernel& row : rows()) {
    INFO(row.op << " " << row.kernel << " " << name_of(row.dtype));
    const std::int64_t one = 1;
    const karat_tensor stranger{sizeof(karat_tensor), "stranger", KARAT_INPUT, row.dtype, nullptr, 1, 0, &one, &one};
    karat_tensor nameless = stranger;
    nameless.name = nullptr;
    const karat_tensor* const tensors[] = {&stranger, &nameless};
    for (const std::int32_t count : {0, 1, 2}) {
      const karat_call call{sizeof(karat_call), tensors, count, 0, nullptr, 1, 0, nullptr, 0};
      const char* reason = nullptr;
      CHECK(row.supports(&row, &call, &reason) == 0);
      REQUIRE(reason != nullptr);
      CHECK(std::string_view(reason).size() > 10);
      CHECK(row.supports(&row, &call, nullptr) == 0);
      if (row.scratch_bytes != nullptr) CHECK(row.scratch_bytes(&row, &call) == 0);
      CHECK(row.run(&row, &call) != KARAT_OK);
    }
  }
}

TEST_CASE("Kernels stay inside tensors that end or begin at an unmapped page, at every size and alignment") {
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes)
      for (const std::size_t n :
           {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 511, 512, 513, 1025}) {
        Job job = job_of(op, dtype, n);
        job.threads = 2;
        const std::vector<std::uint64_t> expected = run_bits(job);
        CHECK(expected.size() == n);
        for (const bool at_end : {true, false})
          for (const std::size_t elements : {1, 3}) {
            job.at_end = at_end;
            job.offset = elements * format_of(dtype).bytes;
            INFO(about(job) << " n " << n);
            CHECK(run_bits(job) == expected);
          }
      }
}

TEST_CASE(
    "An element's bits depend neither on where it stands nor on the number of threads nor on the target's "
    "tail") {
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes)
      for (const std::int64_t target : targets()) {
        if (op.along_axis()) continue;
        const OnTarget on(target);
        Job job = job_of(op, dtype, 40007);
        const std::vector<std::uint64_t> whole = run_bits(job);
        job.threads = 2;
        INFO(about(job) << " on " << hwy::TargetName(target));
        CHECK(run_bits(job) == whole);
        // From here on each element stands elsewhere: another lane, block, and tail.
        constexpr std::size_t kFirst = 13;
        for (const std::size_t n : {1, 6, 23, 700}) {
          Job part = job;
          for (auto& input : part.inputs)
            input = std::vector<double>(input.begin() + kFirst,
                                        input.begin() + static_cast<std::ptrdiff_t>(kFirst + n));
          const std::vector<std::uint64_t> bits = run_bits(part);
          CHECK(std::equal(bits.begin(), bits.end(), whole.begin() + kFirst));
        }
      }
}

TEST_CASE("Rows along an axis have the same bits on any number of threads, alone or among others") {
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes) {
      if (!op.along_axis()) continue;
      Job job = job_of(op, dtype, 3 * 20011);  // rows long enough to be shared by threads
      job.shape = {3, 20011};
      job.attributes = {{"axis", 1}};
      const std::vector<std::uint64_t> whole = run_bits(job);
      for (const int threads : {2, 3, 7}) {
        job.threads = threads;
        INFO(about(job) << " threads " << threads);
        CHECK(run_bits(job) == whole);
      }
      Job alone = job;
      alone.shape = {20011};
      alone.attributes = {{"axis", 0}};
      for (auto& input : alone.inputs)
        input = std::vector<double>(input.begin() + 20011, input.begin() + 2 * 20011);
      const std::vector<std::uint64_t> bits = run_bits(alone);
      CHECK(std::equal(bits.begin(), bits.end(), whole.begin() + 20011));
    }
}

TEST_CASE("Strided and transposed tensors give the bits of dense ones") {
  const std::vector<std::int64_t> shape = {3, 1, 5, 37};
  const std::vector<std::vector<std::int64_t>> layouts[] = {
      {{555, 555, 111, 3}, {185, 185, 37, 1}, {1110, 1110, 222, 6}},  // gaps, dense, other gaps
      {{1, 7, 3, 15}, {185, 9, 37, 1}, {1, 1, 3, 15}},                // transposed
      {{185, 185, 37, 1}, {1, 1, 3, 15}, {400, 1, 80, 2}},
      {{1, 1, 3, 15}, {1, 1, 3, 15}, {1, 1, 3, 15}},
  };
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes)
      for (const auto& layout : layouts)
        for (const double axis : {0, 1, 2, 3}) {
          Job job = job_of(op, dtype, 3 * 5 * 37);
          job.shape = shape;
          if (op.along_axis())
            job.attributes = {{"axis", axis}};
          else if (axis > 0)
            continue;
          const std::vector<std::uint64_t> dense = run_bits(job);
          job.strides = layout;
          if (op.inputs == 1) job.strides.erase(job.strides.begin() + 1);
          job.threads = 2;
          INFO(about(job) << " axis " << axis);
          CHECK(run_bits(job) == dense);
        }
}

TEST_CASE("A softmax along an inner axis is that of its slices") {
  Job job = job_of({.name = "softmax", .inputs = 1, .attributes = {{"axis", 1}}}, KARAT_F64, 2 * 3 * 4);
  job.shape = {2, 3, 4};
  const std::vector<double> y = run(job);
  for (std::size_t a = 0; a < 2; ++a)
    for (std::size_t b = 0; b < 4; ++b) {
      double sum = 0;
      Job slice{.op = "softmax", .inputs = {{}}, .attributes = {{"axis", 0}}};
      for (std::size_t i = 0; i < 3; ++i) {
        sum += y[a * 12 + i * 4 + b];
        slice.inputs[0].push_back(job.inputs[0][a * 12 + i * 4 + b]);
      }
      CHECK(sum == Approx(1).epsilon(1e-15));
      const std::vector<double> alone = run(slice);
      for (std::size_t i = 0; i < 3; ++i) CHECK(alone[i] == y[a * 12 + i * 4 + b]);
    }
}

TEST_CASE("An output that lies among an input's elements, other than in place, is refused and nothing is written") {
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes) {
      const karat_kernel& row = find_row(op.name, dtype, op.kernel);
      const std::size_t size = format_of(dtype).bytes;
      const std::int64_t n = 20, one = 1, two = 2;
      std::vector<std::byte> memory(64 * size, std::byte{0x11}), other(64 * size, std::byte{0x11});
      const auto run = [&](std::size_t at, const std::int64_t* stride) {
        std::vector<karat_tensor> tensors(static_cast<std::size_t>(op.inputs), {sizeof(karat_tensor), "in", KARAT_INPUT, dtype, other.data(), 1, 0, &n, &one});
        tensors[0].data = memory.data() + 8 * size;
        tensors.push_back({sizeof(karat_tensor), "out", KARAT_OUTPUT, dtype, memory.data() + at * size, 1, 0, &n, stride});
        std::vector<const karat_tensor*> pointers;
        for (const karat_tensor& t : tensors) pointers.push_back(&t);
        std::vector<karat_attribute> attributes;
        for (const auto& [name, value] : op.attributes) {
          const bool axis = std::string_view(name) == "axis";
          attributes.push_back({sizeof(karat_attribute), name, axis ? KARAT_INTEGER : KARAT_NUMBER, 0, value, 0, nullptr, nullptr});
        }
        std::vector<const karat_attribute*> attribute_pointers;
        for (const karat_attribute& attribute : attributes) attribute_pointers.push_back(&attribute);
        const karat_call call{sizeof(karat_call), pointers.data(), static_cast<std::int32_t>(pointers.size()), static_cast<std::int32_t>(attributes.size()),
                              attribute_pointers.data(), 1, 0, nullptr, 0};
        REQUIRE(row.supports(&row, &call, nullptr) == 1);
        return row.run(&row, &call);
      };
      INFO(op.name << " " << op.kernel << " " << name_of(dtype));
      for (const std::size_t at : {0, 7, 9, 27}) CHECK(run(at, &one) != KARAT_OK);
      CHECK(run(8, &two) != KARAT_OK);
      CHECK(std::all_of(memory.begin(), memory.end(), [](std::byte b) { return b == std::byte{0x11}; }));
      CHECK(run(28, &one) == KARAT_OK);  // right behind it
      CHECK(run(8, &one) == KARAT_OK);   // in place
    }
}

TEST_CASE("Kernels work in place of each input") {
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes)
      for (int input = 0; input < op.inputs; ++input)
        for (const std::size_t n : {5, 1029, 40007}) {
          Job job = job_of(op, dtype, n);
          const std::vector<std::uint64_t> separate = run_bits(job);
          job.in_place = input;
          job.threads = 2;
          INFO(about(job) << " in place of input " << input << " n " << n);
          CHECK(run_bits(job) == separate);
          job.shape = {static_cast<std::int64_t>(n)};
          job.strides.assign(static_cast<std::size_t>(op.inputs) + 1, {3});
          CHECK(run_bits(job) == separate);
        }
}

TEST_CASE("Empty tensors and scalars work") {
  for (const Op& op : ops())
    for (const std::int32_t dtype : op.dtypes) {
      Job empty = job_of(op, dtype, 0);
      empty.shape = {2, 0, 3};
      INFO(about(empty));
      for (const double axis : {0, 1, 2}) {
        if (op.along_axis()) empty.attributes = {{"axis", axis}};
        CHECK(run_bits(empty).empty());
      }
    }
}

TEST_CASE("Special values") {
  struct Special {
    const char* op;
    double x, y;
    std::vector<Attribute> attributes = {};
  };
  const std::vector<Attribute> alpha = {{"alpha", 2}}, beta = {{"beta", 1}, {"threshold", INFINITY}};
  const double nan = NAN, inf = INFINITY;
  const Special all[] = {
      {"exp", -inf, 0.0},
      {"exp", inf, inf},
      {"exp", 0.0, 1},
      {"exp", -0.0, 1},
      {"exp", nan, nan},
      {"expm1", -inf, -1},
      {"expm1", inf, inf},
      {"expm1", 0.0, 0.0},
      {"expm1", -0.0, -0.0},
      {"expm1", nan, nan},
      {"log", 0.0, -inf},
      {"log", -0.0, -inf},
      {"log", -1, nan},
      {"log", -inf, nan},
      {"log", inf, inf},
      {"log", 1, 0.0},
      {"log", nan, nan},
      {"log1p", -1, -inf},
      {"log1p", -2, nan},
      {"log1p", -inf, nan},
      {"log1p", inf, inf},
      {"log1p", 0.0, 0.0},
      {"log1p", -0.0, -0.0},
      {"log1p", nan, nan},
      {"sqrt", -0.0, -0.0},
      {"sqrt", 0.0, 0.0},
      {"sqrt", -1, nan},
      {"sqrt", -inf, nan},
      {"sqrt", inf, inf},
      {"sqrt", 2.25, 1.5},
      {"sqrt", nan, nan},
      {"sigmoid", -inf, 0.0},
      {"sigmoid", inf, 1},
      {"sigmoid", 0.0, 0.5},
      {"sigmoid", -0.0, 0.5},
      {"sigmoid", nan, nan},
      {"tanh", -inf, -1},
      {"tanh", inf, 1},
      {"tanh", 0.0, 0.0},
      {"tanh", -0.0, -0.0},
      {"tanh", nan, nan},
      {"relu", -inf, 0.0},
      {"relu", inf, inf},
      {"relu", nan, nan},
      {"relu", -3, 0.0},
      {"relu", 3, 3},
      {"leaky_relu", -inf, -inf, alpha},
      {"leaky_relu", inf, inf, alpha},
      {"leaky_relu", nan, nan, alpha},
      {"leaky_relu", -3, -6, alpha},
      {"softplus", -inf, 0.0, beta},
      {"softplus", inf, inf, beta},
      {"softplus", nan, nan, beta},
  };
  for (const std::int64_t target : targets()) {
    const OnTarget on(target);
    for (const Special& special : all)
      for (const std::int32_t dtype : kDtypes) {
        const double y = run(
            {.op = special.op, .dtype = dtype, .inputs = {{special.x}}, .attributes = special.attributes})[0];
        INFO(special.op << " " << name_of(dtype) << " of " << special.x << " is " << y << " on "
                        << hwy::TargetName(target));
        CHECK(((std::isnan(special.y) && std::isnan(y)) ||
               (y == special.y && std::signbit(y) == std::signbit(special.y))));
      }
  }
}

TEST_CASE("Gradients at infinite inputs are 0 or dy, and NaN stays NaN") {
  const std::vector<Attribute> beta = {{"beta", 1}, {"threshold", INFINITY}};
  for (const std::int64_t target : targets())
    for (const std::int32_t dtype : kDtypes) {
      const OnTarget on(target);
      const std::vector<double> dy = {3, 3, NAN, 3}, x = {-INFINITY, INFINITY, 1, NAN};
      const auto gradient = [&](const char* op, const std::vector<Attribute>& attributes = {}) {
        return run({.op = op, .dtype = dtype, .inputs = {dy, x}, .attributes = attributes});
      };
      for (const char* op : {"sigmoid_backward", "tanh_backward"}) {
        const std::vector<double> dx = gradient(op);
        INFO(op << " " << name_of(dtype));
        CHECK(dx[0] == 0);
        CHECK(dx[1] == 0);
        CHECK(std::isnan(dx[2]));
        CHECK(std::isnan(dx[3]));
      }
      const std::vector<double> dx = gradient("softplus_backward", beta);
      CHECK(dx[0] == 0);
      CHECK(dx[1] == 3);
      CHECK(std::isnan(dx[2]));
      CHECK(std::isnan(dx[3]));
    }
}

TEST_CASE("Rows with NaN, +inf or nothing but -inf have no softmax; a -inf entry has probability 0") {
  const double inf = INFINITY;
  const std::vector<double> broken[] = {{1, NAN, 2},    {NAN, -inf, -inf},  {1, inf, 2},
                                        {inf, -inf, 0}, {-inf, -inf, -inf}, {NAN, NAN, 1}};
  for (const std::int64_t target : targets())
    for (const std::int32_t dtype : kDtypes) {
      const OnTarget on(target);
      const auto softmax = [&](const char* op, std::vector<std::vector<double>> inputs) {
        return run({.op = op, .dtype = dtype, .inputs = std::move(inputs), .attributes = {{"axis", 0}}});
      };
      for (const auto& x : broken) {
        for (const char* op : {"softmax", "log_softmax"})
          for (const double y : softmax(op, {x})) CHECK(std::isnan(y));
        for (const char* op : {"softmax_backward", "log_softmax_backward"})
          for (const double dx : softmax(op, {{1, 2, 3}, x})) CHECK(std::isnan(dx));
      }
      for (const char* op : {"softmax_backward", "log_softmax_backward", "softmax_backward_from_output",
                             "log_softmax_backward_from_output"})
        for (std::size_t place = 0; place < 3; ++place) {
          std::vector<double> dy = {1, 2, 3};
          dy[place] = NAN;
          INFO(op << " " << name_of(dtype) << " dy NaN at " << place);
          for (const double dx : softmax(op, {dy, {0.25, 0.5, 0.25}})) CHECK(std::isnan(dx));
        }
      for (std::size_t place = 0; place < 3; ++place) {
        std::vector<double> dy = {1, 2, 3};
        dy[place] = NAN;
        for (const double dx : softmax("softmax_backward", {dy, {-inf, 0.5, 0.25}})) CHECK(std::isnan(dx));
      }
      const std::vector<double> y = softmax("softmax", {{-inf, 5, -inf}}),
                                log_y = softmax("log_softmax", {{-inf, 5, 5}});
      CHECK(y == std::vector<double>{0, 1, 0});
      CHECK(std::signbit(y[0]) == false);
      CHECK(log_y[0] == -inf);
      CHECK(log_y[1] == static_cast<double>(rounded(-std::log(2.0L), format_of(dtype))));
      CHECK(softmax("softmax", {{-7}}) == std::vector<double>{1});
      CHECK(softmax("log_softmax", {{-7}})[0] == 0);
      CHECK(softmax("softmax_backward", {{3, 4, 5}, {-inf, 5, -inf}}) == std::vector<double>{0, 0, 0});
    }
}

TEST_CASE("A constant gradient leaves exactly nothing behind softmax") {
  for (const std::int32_t dtype : kDtypes) {
    Job job = job_of({.name = "softmax_backward", .inputs = 2, .attributes = {{"axis", 0}}}, dtype, 1000);
    for (double& dy : job.inputs[0]) dy = 1.5;
    for (const double dx : run(job)) CHECK(dx == 0);
  }
}

TEST_CASE("Kernels decline what they cannot compute, with a reason") {
  const auto reason = [](const Job& job) -> std::string {
    try {
      run_bits(job);
      return "";
    } catch (const Declined& declined) {
      return declined.what();
    }
  };
  const std::vector<std::vector<double>> one = {{1, 2}}, two = {{1, 2}, {3, 4}};
  CHECK(reason({.op = "exp", .inputs = one}) == "");
  CHECK(reason({.op = "exp", .inputs = two}) == "the number of tensors is not the operator's");
  CHECK(reason({.op = "leaky_relu", .inputs = one}) == "an attribute of the operator is missing");
  CHECK(reason({.op = "leaky_relu", .inputs = one, .attributes = {{"alpha", NAN}}}) == "alpha is not finite");
  CHECK(reason({.op = "leaky_relu_backward_from_output", .inputs = two, .attributes = {{"alpha", -1}}}) ==
        "alpha is negative or not finite");
  CHECK(reason({.op = "softplus", .inputs = one, .attributes = {{"beta", 0}, {"threshold", 1}}}) ==
        "beta is not a positive finite number");
  CHECK(reason({.op = "softplus", .inputs = one, .attributes = {{"beta", 1}, {"threshold", NAN}}}) ==
        "threshold is NaN");
  CHECK(reason({.op = "softmax", .inputs = one, .attributes = {{"axis", 1}}}) ==
        "axis is not an integer from 0 to rank - 1");
  CHECK(reason({.op = "softmax", .inputs = one, .attributes = {{"axis", -1}}}) ==
        "axis is not an integer from 0 to rank - 1");
  CHECK(reason({.op = "exp", .inputs = {{1, 2, 3, 4}}, .shape = {2, 2}, .strides = {{2, 1}, {1, 1}}}) ==
        "the output's strides may map two indices to one element");
  CHECK(reason({.op = "exp", .inputs = one, .shape = {2}, .strides = {{1}, {0}}}) == "a stride below 1");
  Job deep{.op = "exp", .inputs = {{1}}};
  deep.shape.assign(33, 1);
  CHECK(reason(deep) == "rank above 32");
  deep.shape.assign(32, 1);
  CHECK(reason(deep) == "");
}

TEST_CASE("The instruction set in use is one that the processor has") {
  REQUIRE(instruction_set() != nullptr);
  const std::vector<std::int64_t> all = targets();
  CHECK(std::any_of(all.begin(), all.end(), [](std::int64_t t) {
    return std::string_view(hwy::TargetName(t)) == instruction_set();
  }));
}

}  // namespace
}  // namespace karat::kernels::testing
