// SPDX-License-Identifier: MIT
// Every law holds for the exact reference of every operator that it is applied to.
#include <catch2/catch.hpp>
#include <rapidcheck.h>

#include <map>

#include "properties/law_trial.hpp"
#include "properties/laws/law.hpp"
#include "properties/rapid.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

// By how much the reference breaks the law on one of its cases; nullopt: nothing was looked at.
std::optional<double> broken(const Operator& op, const LawUse& use, Dtype dtype, int index) {
  const PrecisionScope scope(300);
  const Case c = law_case(op, format(dtype), {}, use.text(), 1, index);
  const auto related = use.law->relate(c.question, use.argument);
  return related ? broken_by_reference(*related) : std::nullopt;
}

}  // namespace

TEST_CASE("every law holds for the exact reference of every operator that it is applied to") {
  std::map<const Law*, std::vector<std::pair<const Operator*, LawUse>>> uses;
  for (const Operator& op : operators())
    for (const LawUse& use : laws_of(op)) {
      uses[use.law].emplace_back(&op, use);
      std::size_t looked_at = 0;
      for (int index = 0; index < 12 && looked_at < 3; ++index)
        if (const auto by = broken(op, use, Dtype::f32, index)) {
          ++looked_at;
          INFO(op.name << ": " << use.text() << ", case " << index);
          CHECK(*by == 0);
        }
      INFO(op.name << ": " << use.text());
      CHECK(looked_at > 0);
    }
  for (const Law& law : laws()) {
    INFO(law.name);
    REQUIRE(uses.contains(&law));
    CHECK(rc::check(law.sentence, [&] {
      const auto& [op, use] = *rc::gen::elementOf(uses[&law]);
      const auto dtype = *rc::gen::element(Dtype::f64, Dtype::f32, Dtype::f16, Dtype::bf16);
      const auto by = broken(*op, use, dtype, *rc::gen::inRange(0, 1000));
      RC_ASSERT(by.value_or(0) == 0);
    }));
  }
}

TEST_CASE("a law's relation that does not hold is told from one that does") {
  const Operator& op = *find_operator("sigmoid");
  const Format& f = format(Dtype::f32);
  const Question q{&op, &f, {Tensor<Bits>(Shape{1}, {*exact_bits(f, 1)})}, standard_attributes(op)};
  Related related{{q}, {{Relation::Must::equal, {{0, 0, 1}}, Real(0.75)}}};
  CHECK(*broken_by_reference(related) > 1e-3);
  related.relations[0].must = Relation::Must::at_least;
  CHECK(*broken_by_reference(related) > 1e-3);
  related.relations[0].must = Relation::Must::at_most;
  CHECK(*broken_by_reference(related) == 0);
}
