// SPDX-License-Identifier: MIT
// The two-sided measurement: right kernels written in many ways raise no alarm, wrong ones are caught.
// Each is plain float code, judged as a plugin's results are.  `properties_test "[quality]" -s` prints
// the figures of three seeds, `properties_test "[.full]"` those of docs/verdict-quality.md.
#include <catch2/catch.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <set>

#include "properties/acceptance.hpp"
#include "properties/quality.hpp"

using namespace karat;
using namespace karat::properties;
using namespace karat::properties::quality;

std::vector<Subject>& quality::subjects() {
  static std::vector<Subject> all;
  return all;
}
std::vector<Mutant>& quality::mutants() {
  static std::vector<Mutant> all;
  return all;
}

namespace {

constexpr std::size_t lengths[] = {2, 3, 7, 33, 129, 300};

struct Asked {
  Question question;
  std::vector<Floats> inputs;
};
Asked ask(const Subject& s, std::uint64_t seed, std::size_t n, int kind) {
  Random random(seed * 1000003 + n * 31 + static_cast<std::uint64_t>(kind));
  Asked asked;
  const Format& f = format(Dtype::f32);
  asked.question = {find_operator(s.op), &f, {}, standard_attributes(*find_operator(s.op))};
  for (const auto& [name, value] : s.attributes) asked.question.attributes.values[name] = value;
  for (const auto& [shape, values] : s.inputs(random, n, kind)) {
    Tensor<Bits> t(shape);
    for (std::size_t i = 0; i < values.size(); ++i) t.values[i] = *exact_bits(f, static_cast<double>(values[i]));
    asked.question.inputs.push_back(std::move(t));
    asked.inputs.push_back(values);
  }
  REQUIRE(invalid(asked.question).value_or("") == "");
  return asked;
}
bool accepted(const Asked& asked, const Floats& got) {
  std::vector<Bits> bits;
  for (const float v : got) bits.push_back(std::isnan(v) ? format(Dtype::f32).quiet_nan() : *exact_bits(format(Dtype::f32), static_cast<double>(v)));
  for (std::size_t u = 0; u < unit_count(asked.question); ++u) {
    const Unit part = unit(asked.question, u);
    std::vector<Bits> own;
    for (const std::size_t i : part.outputs) own.push_back(bits.at(i));
    for (const Judgement& j : judge_unit(part, own, default_level)) {
      REQUIRE_FALSE(j.error);
      if (!j.ok) {
        UNSCOPED_INFO("refused: " << j.ulps << " ulp, budget " << j.budget);
        for (const Floats& x : asked.inputs) UNSCOPED_INFO("input from " << (x.empty() ? 0 : x.front()) << " to " << (x.empty() ? 0 : x.back()));
        return false;
      }
    }
  }
  return true;
}
// torch.testing.assert_close with its defaults for f32: |a − e| ≤ 1e-5 + 1.3e-6 |e|.
bool close_enough(const Asked& asked, const Floats& got) {
  const PrecisionScope scope(200);
  const auto y = witness(asked.question);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const auto e = static_cast<double>(y[i]);
    if (!(std::abs(static_cast<double>(got[i]) - e) <= 1e-5 + 1.3e-6 * std::abs(e))) return false;
  }
  return true;
}

struct Figures {
  int right = 0, right_cases = 0, alarms = 0, alarms_of_close = 0;
  int wrong = 0, caught = 0, caught_by_close = 0;  // pairs of mutant and seed
};
Figures measure(std::uint64_t seeds) {
  Figures figures;
  const auto& all = subjects();
  for (const Subject& s : all) {
    std::set<std::size_t> variants;  // orders that gave results of their own
    for (std::uint64_t seed = 1; seed <= seeds; ++seed)
      for (const std::size_t n : lengths)
        for (int kind = 0; kind < 5; ++kind) {
          const Asked asked = ask(s, seed, n, kind);
          std::vector<Floats> seen;
          for (std::size_t k = 0; k < std::size(orders); ++k) {
            Floats got = s.kernel(asked.inputs, orders[k].add);
            if (std::find(seen.begin(), seen.end(), got) != seen.end()) continue;
            variants.insert(k);
            ++figures.right_cases;
            const bool ok = accepted(asked, got);
            INFO(s.op << ", " << orders[k].name << ", seed " << seed << ", n " << n << ", kind " << kind);
            CHECK(ok);
            figures.alarms += ok ? 0 : 1;
            figures.alarms_of_close += close_enough(asked, got) ? 0 : 1;
            seen.push_back(std::move(got));
          }
        }
    figures.right += static_cast<int>(variants.size());
  }
  for (const Mutant& m : mutants()) {
    const Subject& s = *std::find_if(all.begin(), all.end(), [&](const Subject& t) { return std::string(t.op) == m.op; });
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      ++figures.wrong;
      bool caught = false, by_close = false;
      for (const std::size_t n : lengths)
        for (int kind = 0; kind < 5; ++kind) {
          const Asked asked = ask(s, seed, n, kind);
          const Floats got = m.kernel(asked.inputs);
          if (!caught) caught = !accepted(asked, got);
          if (!by_close) by_close = !close_enough(asked, got);
        }
      INFO(m.op << ": " << m.what << ", seed " << seed);
      CHECK(caught);
      figures.caught += caught ? 1 : 0;
      figures.caught_by_close += by_close ? 1 : 0;
    }
  }
  return figures;
}
void print(const Figures& f, std::uint64_t seeds) {
  std::printf("%llu seeds: %d right variants, %d cases: stable alarms at %d, assert_close at %d; %zu mutants × seeds %d: stable catches %d, assert_close %d\n",
              static_cast<unsigned long long>(seeds), f.right, f.right_cases, f.alarms, f.alarms_of_close, mutants().size(), f.wrong, f.caught, f.caught_by_close);
}

}  // namespace

TEST_CASE("right kernels in many orders of summation raise no alarm, and wrong ones are caught on every seed", "[quality]") {
  const Figures f = measure(3);
  CHECK(f.right >= 60);
  CHECK(f.alarms == 0);
  CHECK(f.caught == f.wrong);
  print(f, 3);
}

TEST_CASE("the measurement of docs/verdict-quality.md", "[.full]") {
  const Figures f = measure(200);
  CHECK(f.alarms == 0);
  CHECK(f.caught == f.wrong);
  print(f, 200);
}
