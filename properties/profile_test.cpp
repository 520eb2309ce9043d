// SPDX-License-Identifier: MIT
#include "properties/profile.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "properties/acceptance.hpp"
#include "properties/waivers.hpp"

using namespace karat;
using namespace karat::properties;
using Catch::Contains;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_profile(text, "mine.toml");
  } catch (const ProfileError& e) {
    return e.what();
  }
  return "accepted";
}
const std::string head = "name = \"mine\"\ndescription = \"d\"\n";

// y of one element, and numbers beside it by so many ulps.
Question asked(const char* op, const Format& f, const std::vector<double>& x) {
  const Operator& row = *find_operator(op);
  Question q{&row, &f, {}, standard_attributes(row)};
  for (std::size_t t = 0; t < row.inputs.size(); ++t) q.inputs.emplace_back(Shape{1}, std::vector<Bits>{round_nearest(f, truncated(x.at(t)))});
  return q;
}
bool passes(const Question& q, Bits got, const Level& level) {
  const auto own = level_for(level, *q.op, *q.format);
  REQUIRE(own);
  const auto j = judge_unit(unit(q, 0), std::vector<Bits>{got}, *own);
  return j[0].ok && !j[0].error;
}
Bits exact(const Question& q) {
  return *decide([&](int) { return round_nearest(*q.format, answers(q)[0].value); });
}
Bits off(const Question& q, std::int64_t steps) { return from_ordinal(*q.format, ordinal(*q.format, exact(q)) + steps); }

}  // namespace

TEST_CASE("each built-in profile loads, and says where its rules come from") {
  CHECK(built_in_profiles().size() >= 5);
  for (const std::string& name : built_in_profiles()) {
    const auto p = find_profile(name);
    CHECK(p->name == name);
    CHECK_FALSE(p->source.empty());
    CHECK_FALSE(p->rules.empty());
  }
}

TEST_CASE("a published limit passes what is inside and refuses what is outside") {
  struct Row {
    const char* profile;
    const char* op;
    Dtype dtype;
    double x;
    std::int64_t inside, outside;  // steps from the nearest number
  };
  // x where the result lies in the middle of a binade, so that steps are ulps.
  const Row rows[] = {
      {"opencl-full", "exp", Dtype::f32, 0.375, 2, 4},      {"opencl-full", "log1p", Dtype::f32, 2.5, 1, 3},     {"opencl-full", "tanh", Dtype::f32, 0.7, 4, 6},
      {"opencl-full", "exp", Dtype::f16, 0.375, 1, 3},      {"opencl-embedded", "exp", Dtype::f32, 0.375, 3, 5}, {"opencl-embedded", "sqrt", Dtype::f32, 2.1, 3, 5},
      {"webnn", "sigmoid", Dtype::f32, 1.25, 33, 35},       {"webnn", "sigmoid", Dtype::f16, 1.25, 9, 11},       {"webnn", "exp", Dtype::f16, 0.375, 0, 2},
      {"webnn", "leaky_relu", Dtype::f32, 1.5, 0, 2},
  };
  for (const Row& r : rows) {
    const Level level = level_of_profile(r.profile);
    const Question q = asked(r.op, format(r.dtype), {r.x});
    for (const int side : {1, -1}) {
      INFO(r.profile << " " << r.op << " " << format(r.dtype).name << " side " << side);
      CHECK(passes(q, off(q, side * r.inside), level));
      CHECK_FALSE(passes(q, off(q, side * r.outside), level));
    }
  }
}

TEST_CASE("TOSA's limits grow with the input, and its dot products are bound by absolute values") {
  const Level tosa = level_of_profile("tosa-1.0");
  for (const Dtype d : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    const Format& f = format(d);
    for (const double x : {0.375, 3.3}) {
      const Question q = asked("exp", f, {x});
      const double given = to_double(f, q.inputs[0].values[0]), y = to_double(f, exact(q));
      const double allowed = std::ldexp(1.0, -f.fraction_bits()) * y * ((d == Dtype::f32 ? 3 : 1) + 2 * given);
      INFO(f.name << " " << x);
      CHECK(passes(q, round_nearest(f, truncated(y + 0.7 * allowed)), tosa));
      CHECK_FALSE(passes(q, round_nearest(f, truncated(y + 1.7 * allowed)), tosa));
    }
  }
  const Operator& op = *find_operator("conv2d");
  const Format& f = format(Dtype::f32);
  Question q{&op, &f, {}, standard_attributes(op)};
  q.inputs = {Tensor<Bits>(Shape{1, 1, 1, 3}), Tensor<Bits>(Shape{1, 1, 1, 3}), Tensor<Bits>(Shape{0})};
  const double x[] = {1, 1, 1}, w[] = {1000, -999.5, 1};
  for (std::size_t i = 0; i < 3; ++i) {
    q.inputs[0].values[i] = *exact_bits(f, x[i]);
    q.inputs[1].values[i] = *exact_bits(f, w[i]);
  }
  // y = 1.5; bnd = 2000.5, KS = 3: 6·3·2000.5·2^−24
  const double allowed = 18 * 2000.5 * 0x1p-24;
  CHECK(passes(q, round_nearest(f, truncated(1.5 + 0.99 * allowed)), tosa));
  CHECK_FALSE(passes(q, round_nearest(f, truncated(1.5 + 1.01 * allowed)), tosa));
  for (Bits& b : q.inputs[0].values) b = 0;
  CHECK(passes(q, 0, tosa));
  CHECK_FALSE(passes(q, *exact_bits(f, 0x1p-100), tosa));  // a bound of 0 demands 0
}

TEST_CASE("torch's tolerances are a sum of absolute and relative, and its NaN equals no NaN") {
  const Level torch = level_of_profile("torch-assert-close");
  const Format& f = format(Dtype::f32);
  const Question q = asked("exp", f, {3.0});
  const double y = to_double(f, exact(q)), allowed = 1e-5 + 1.3e-6 * y;
  CHECK(passes(q, round_nearest(f, truncated(y + 0.9 * allowed)), torch));
  CHECK_FALSE(passes(q, round_nearest(f, truncated(y + 1.1 * allowed)), torch));
  const Question tiny = asked("exp", f, {-20.0});
  CHECK(passes(tiny, 0, torch));  // what a budget never lets through
  CHECK_FALSE(passes(tiny, 0, default_level));
  const Question bad = asked("log", f, {-1.0});
  CHECK(passes(bad, f.quiet_nan(), default_level));
  CHECK_FALSE(passes(bad, f.quiet_nan(), torch));
}

TEST_CASE("an operator without a rule has no level, unless the profile says what it falls back to") {
  const Operator& adam = *find_operator("adam");
  const Format& f = format(Dtype::f32);
  CHECK_FALSE(level_for(level_of_profile("webnn"), adam, f));
  const auto composed = level_for(level_of_profile("opencl-full"), *find_operator("softmax"), f);
  REQUIRE(composed);
  CHECK(care_of(*composed).primitive_ulps == 3);
  CHECK_FALSE(level_for(level_of_profile("opencl-full"), *find_operator("exp"), f)->published == nullptr);
  Level own;
  own.rule = Level::Rule::published;
  own.profile = std::make_shared<const Profile>(parse_profile(head + "base = \"permissive\"\nsum_order = \"sequential\"\n", "mine.toml"));
  CHECK(level_for(own, adam, f)->rule == Level::Rule::permissive);
  CHECK(care_of(*level_for(own, adam, f)).sequential_sums);
}

TEST_CASE("a profile whose rule was not looked up judges nothing") {
  const Question q = asked("exp", format(Dtype::f32), {1.0});
  for (const std::int64_t steps : {0, 1, 1'000'000}) {
    const auto j = judge_unit(unit(q, 0), std::vector<Bits>{off(q, steps)}, level_of_profile("webnn"));
    CHECK(j[0].error);
    CHECK_FALSE(j[0].ok);
  }
}

TEST_CASE("two levels hold together: the stricter decides, element by element") {
  const Question q = asked("exp", format(Dtype::f32), {1.0}), exactly_one = asked("leaky_relu", format(Dtype::f32), {-3.3});
  const Level wide{Level::Rule::max_ulp, 1e6}, faithful{Level::Rule::faithful, 0}, exact_level{Level::Rule::exact, 0};
  CHECK(passes(q, off(q, 1000), wide));
  for (const Level& asked_for : {default_level, faithful, exact_level, level_of_profile("opencl-full")}) {
    const Level together = both(*level_for(asked_for, *q.op, *q.format), wide);
    CHECK_FALSE(passes(q, off(q, 1000), together));
    CHECK(passes(q, exact(q), together));
    CHECK(to_text(by_budget(asked_for) ? *together.also : together) == to_text(asked_for));
  }
  // Faithful lets a neighbour through where the budget of a product is 0.
  const Level claimed = both(default_level, faithful);
  CHECK(to_text(claimed) == "faithful");
  const bool neighbours[] = {passes(exactly_one, off(exactly_one, 1), faithful), passes(exactly_one, off(exactly_one, -1), faithful)};
  CHECK(neighbours[0] != neighbours[1]);
  const auto j = judge_unit(unit(exactly_one, 0), std::vector<Bits>{off(exactly_one, neighbours[0] ? 1 : -1)}, claimed);
  CHECK_FALSE(j[0].ok);
  CHECK(j[0].by_other);
  CHECK(both(faithful, faithful) == faithful);
}

TEST_CASE("policies change a verdict either way") {
  const Format& f = format(Dtype::f32);
  const auto with = [&](const std::string& policies) {
    Level level;
    level.rule = Level::Rule::published;
    level.profile = std::make_shared<const Profile>(parse_profile(head + "base = \"stable\"\n[policies]\n" + policies, "mine.toml"));
    return level;
  };
  const Question small = asked("exp", f, {-88.0});  // subnormal, and flushed
  CHECK(passes(small, 0, with("")));
  CHECK_FALSE(passes(small, 0, with("subnormal_result = \"refuse\"\n")));
  const Question subnormal = asked("sqrt", f, {1e-40});
  CHECK_FALSE(passes(subnormal, 0, with("")));
  CHECK(passes(subnormal, 0, with("flush_subnormal_inputs = \"accept\"\n")));
  // A zero of the other sign is no way around what is refused of the zero itself.
  const Bits negative_zero = f.sign_mask();
  CHECK(passes(small, negative_zero, with("")));
  CHECK_FALSE(passes(small, negative_zero, with("subnormal_result = \"refuse\"\n")));
  CHECK_FALSE(passes(small, negative_zero, with("sign_of_zero = \"refuse\"\n")));
  CHECK(passes(small, 0, with("sign_of_zero = \"refuse\"\n")));
  // Nor are flushed inputs a way around what is refused.
  Question row = asked("softmax", f, {1e-40});
  row.inputs[0] = Tensor<Bits>(Shape{2}, {*exact_bits(f, 0x1p-140), f.quiet_nan()});
  const auto nan_row = [&](const std::string& policies) {
    const auto j = judge_unit(unit(row, 0), std::vector<Bits>{f.quiet_nan(), f.quiet_nan()}, *level_for(with(policies), *row.op, f));
    return j[0].ok && j[1].ok;
  };
  CHECK(nan_row("flush_subnormal_inputs = \"accept\"\n"));
  CHECK_FALSE(nan_row("flush_subnormal_inputs = \"accept\"\nnan_equal = \"refuse\"\n"));
  const Question masked = asked("relu_backward", f, {1.0, std::nan("")});
  CHECK(passes(masked, 0, with("")));
  CHECK_FALSE(passes(masked, 0, with("mask_gradient_at_nan = \"refuse\"\n")));
}

TEST_CASE("what is wrong with a profile is said with its line and column") {
  CHECK_THAT(refusal("name = \"x\"\ndescription = oops\n"), Contains("mine.toml:2:"));
  CHECK_THAT(refusal(head + "base = \"stable\"\ncomposed_ulps = 3\n"), Contains("mine.toml:4:") && Contains("expected one of them"));
  CHECK_THAT(refusal(head + "composed_ulps = 0\n"), Contains("mine.toml:3:") && Contains("more than 0"));
  CHECK_THAT(refusal(head + "base = \"faithful\"\nsum_order = \"sequential\"\n"), Contains("mine.toml:4:") && Contains("budgets"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"relu\"\ndtype = \"f32\"\nulps = { times = 1, per = \"elements\" }\n"), Contains("relu has no measure elements"));
  CHECK_THAT(refusal(head + "colour = 3\n"), Contains("mine.toml:3:1") && Contains("unknown key of a profile 'colour'"));
  CHECK_THAT(refusal("description = \"d\"\n"), Contains("the key name is missing"));
  CHECK_THAT(refusal(head), Contains("judges nothing"));
  CHECK_THAT(refusal(head + "base = \"stabel\"\n"), Contains("mine.toml:3:8") && Contains("did you mean stable"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"sigmoide\"\ndtype = \"f32\"\nulps = 1\n"), Contains("mine.toml:4:6") && Contains("did you mean sigmoid"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f33\"\nulps = 1\n"), Contains("mine.toml:5:9") && Contains("dtype"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulps = -1\n"), Contains("mine.toml:6:8") && Contains("from 0"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulps = nan\n"), Contains("mine.toml:6:8"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulps = \"2\"\n"), Contains("mine.toml:6:8") && Contains("expected a number"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulp = 2\n"), Contains("mine.toml:6:1") && Contains("did you mean ulps"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\n"), Contains("mine.toml:3:") && Contains("needs a limit"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulps = { times = 1, per = \"axis_length\" }\n"), Contains("exp has no measure axis_length"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulps = { times = 1, per = \"lenght\" }\n"), Contains("unknown measure 'lenght'"));
  CHECK_THAT(refusal(head + "[[rule]]\nop = \"exp\"\ndtype = \"f32\"\nulps = 1\n[[rule]]\nop = \"ex*\"\ndtype = \"f32\"\nulps = 2\n"), Contains("mine.toml:7:") && Contains("second rule for exp in f32"));
  CHECK_THAT(refusal(head + "[policies]\nsign_of_zeros = \"accept\"\n"), Contains("mine.toml:4:1") && Contains("did you mean sign_of_zero"));
  CHECK_THAT(refusal(head + "[policies]\nsign_of_zero = \"yes\"\n"), Contains("mine.toml:4:16") && Contains("accept"));
  CHECK_THROWS_AS(find_profile("/nonexistent/x.toml"), ProfileError);
  CHECK_THROWS_AS(find_profile("/"), ProfileError);
  CHECK_THROWS_WITH(find_profile("webn"), Contains("did you mean webnn"));
}

TEST_CASE("no text crashes the reader of profiles") {
  std::mt19937_64 random(1);
  const std::string good = head + "base = \"stable\"\n[policies]\nsign_of_zero = \"accept\"\n[[rule]]\nop = [\"exp\", \"log\"]\ndtype = [\"f32\"]\nulps = { base = 1, times = 2, per = \"abs_x\" }\n";
  int refused = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = good;
    for (std::uint64_t k = 1 + random() % 4; k > 0; --k) {
      const std::size_t at = random() % text.size();
      switch (random() % 3) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, 1 + random() % 8); break;
        default: text.insert(at, 1, "[]{}=\"\n,.#-"[random() % 11]);
      }
      if (text.empty()) break;
    }
    try {
      parse_profile(text, "m");
    } catch (const ProfileError&) {
      ++refused;
    }
  }
  CHECK(refused > 2000);
}

TEST_CASE("a waiver bears the failures that it names until its date, and is a failure itself when it has expired or gone stale") {
  const auto verdict = [] {
    KernelVerdict v;
    v.plugin = "mylib";
    v.op = "softplus";
    v.kernel = "fast";
    v.dtype = "f32";
    v.result = KernelVerdict::Result::fail;
    Failure f;
    f.kind = Kind::inaccurate;
    f.replay = "mylib softplus f32 kernel=fast x=-0x1p+6";
    v.failures = {f};
    return v;
  };
  const std::string text = "[[waiver]]\nop = \"softplus\"\nkernel = \"fa*\"\ncase = \"* x=-0x1*\"\nreason = \"fixed in 3.2\"\nowner = \"ana\"\nexpires = 2027-01-31\n";
  using namespace std::chrono;
  const auto before = year(2027) / January / 31, after = year(2027) / February / 1;
  {
    Waivers w = Waivers::parse(text, "w.toml");
    KernelVerdict v = verdict();
    w.apply(v, before);
    CHECK(v.waived());
    CHECK(v.failures[0].waived == "fixed in 3.2 (ana, until 2027-01-31)");
    CHECK(w.problems(before).empty());
  }
  {
    Waivers w = Waivers::parse(text, "w.toml");
    KernelVerdict v = verdict();
    w.apply(v, after);
    CHECK_FALSE(v.waived());
    REQUIRE(w.problems(after).size() == 1);
    CHECK_THAT(w.problems(after)[0].message, Contains("w.toml:1") && Contains("ana") && Contains("expired on 2027-01-31"));
  }
  {
    Waivers w = Waivers::parse(text, "w.toml");
    KernelVerdict v = verdict();
    v.failures[0].replay = "mylib softplus f32 kernel=fast x=0x1p+6";  // another case
    w.apply(v, before);
    CHECK_FALSE(v.waived());
    REQUIRE(w.problems(before).size() == 1);
    CHECK(w.problems(before)[0].status == "stale");
  }
  {
    Waivers w = Waivers::parse(text, "w.toml");
    KernelVerdict v = verdict();
    v.op = "tanh";
    w.apply(v, before);
    CHECK_FALSE(v.waived());
    CHECK(w.problems(before).empty());  // its kernels did not run
  }
  {
    Waivers w = Waivers::parse(text, "w.toml");
    KernelVerdict v = verdict();
    v.result = KernelVerdict::Result::error;
    v.failures.clear();
    w.apply(v, before);
    CHECK(w.problems(before).empty());  // it was not judged
  }
  const auto wrong = [&](const std::string& file) {
    try {
      Waivers::parse(file, "w.toml");
    } catch (const ProfileError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(wrong("[[waiver]]\nop = \"softplus\"\n"), Contains("w.toml:1:") && Contains("lacks kernel"));
  CHECK_THAT(wrong("[[waiver]]\nop = \"softplos\"\nkernel = \"*\"\nreason = \"r\"\nowner = \"o\"\nexpires = 2027-01-31\n"), Contains("w.toml:2:6") && Contains("softplus"));
  CHECK_THAT(wrong("[[waiver]]\nop = \"softplus\"\nkernel = \"*\"\nreason = \"r\"\nowner = \"o\"\nexpires = \"soon\"\n"), Contains("w.toml:6:11") && Contains("date"));
  CHECK_THAT(wrong("[[waiver]]\nop = \"softplus\"\nkernel = \"*\"\nreason = \"r\"\nowner = \"o\"\nexpire = 2027-01-31\n"), Contains("w.toml:6:1") && Contains("expires"));
}
