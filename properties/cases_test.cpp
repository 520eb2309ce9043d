// SPDX-License-Identifier: MIT
// Cases: where they come from, and how they shrink.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "plugins/karat_plugin.h"
#include "properties/generate.hpp"
#include "properties/rapid.hpp"
#include "properties/replay.hpp"
#include "reference/numbers/precision.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

host::KernelRow row_for(const Operator& op, const Format& f, std::uint32_t capabilities = KARAT_STRIDED | KARAT_IN_PLACE) {
  host::KernelRow row;
  row.op = op.name;
  row.kernel = "any";
  row.dtype = static_cast<std::int32_t>(f.dtype);
  row.capabilities = capabilities;
  return row;
}

std::string text_of(const Case& c) { return to_text(Replay{"p", "", c, default_level, {}, 1}); }

}  // namespace

TEST_CASE("cases follow from row, capabilities and seed alone") {
  for (const char* name : {"sigmoid", "leaky_relu_backward", "softmax_backward"}) {
    const Operator& op = *find_operator(name);
    const Format& f = format(Dtype::bf16);
    const auto a = plan(op, f, row_for(op, f), 5), b = plan(op, f, row_for(op, f), 5), c = plan(op, f, row_for(op, f), 6);
    REQUIRE(a.cases.size() == b.cases.size());
    bool other = false;
    for (std::size_t i = 0; i < a.cases.size(); ++i) {
      REQUIRE(a.cases[i].question.inputs[0].values == b.cases[i].question.inputs[0].values);
      other = other || a.cases[i].question.inputs[0].values != c.cases[i].question.inputs[0].values;
    }
    CHECK(other);
    for (int i = 0; i < 20; ++i)
      CHECK(text_of(random_case(op, f, row_for(op, f), 5, i)) == text_of(random_case(op, f, row_for(op, f), 5, i)));
  }
}

TEST_CASE("a unary 16-bit kernel is tried on every one of its inputs") {
  for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
    const Operator& op = *find_operator("tanh");
    const Format& f = format(dtype);
    const Plan p = plan(op, f, row_for(op, f), 1);
    CHECK(p.exhaustive);
    std::set<Bits> seen;
    for (const Case& c : p.cases) seen.insert(c.question.inputs[0].values.begin(), c.question.inputs[0].values.end());
    CHECK(seen.size() == 65536);
  }
  const Operator& op = *find_operator("tanh");
  CHECK_FALSE(plan(op, format(Dtype::f32), row_for(op, format(Dtype::f32)), 1).exhaustive);
}

TEST_CASE("plans reach the sizes, layouts and values that they must") {
  const Operator& op = *find_operator("sigmoid");
  const Format& f = format(Dtype::f32);
  const Plan p = plan(op, f, row_for(op, f), 1);
  std::set<std::int64_t> sizes;
  std::set<Bits> values;
  int strided = 0, in_place = 0, threads = 0, start = 0;
  std::set<std::size_t> offsets;
  for (const Case& c : p.cases) {
    sizes.insert(element_count(c.question.inputs[0].shape));
    values.insert(c.question.inputs[0].values.begin(), c.question.inputs[0].values.end());
    strided += c.layout.dense() ? 0 : 1;
    in_place += c.layout.in_place ? 1 : 0;
    threads += c.layout.threads > 1 ? 1 : 0;
    start += c.layout.placement.flush == host::Placement::Flush::start ? 1 : 0;
    if (c.layout.placement.flush == host::Placement::Flush::start) offsets.insert(c.layout.placement.offset);
    CHECK_FALSE(invalid(c.question).has_value());
  }
  for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 1023, 1024, 1025, 65535, 65536, 65537}) CHECK(sizes.contains(n));
  for (const Bits b : special_values(f, true)) CHECK(values.contains(b));
  for (const std::size_t offset : {0u, 4u, 28u, 60u}) CHECK(offsets.contains(offset));
  CHECK(strided > 10);
  CHECK(in_place > 3);
  CHECK(threads > 5);
  CHECK(start > 20);
  for (const Case& c : plan(op, f, row_for(op, f, 0), 1).cases) {
    REQUIRE(c.layout.dense());
    REQUIRE_FALSE(c.layout.in_place);
  }
}

TEST_CASE("operators on tensors of any shapes are tried in every layout that the kernel claims") {
  const Format& f = format(Dtype::f32);
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole) continue;
    INFO(op.name);
    int strided = 0, column_major = 0, in_place = 0, threads = 0, random_strided = 0;
    std::set<std::size_t> offsets;
    bool has_place = false;
    for (const Case& c : plan(op, f, row_for(op, f), 1).cases) {
      strided += c.layout.dense() ? 0 : 1;
      column_major += c.layout.column_major ? 1 : 0;
      in_place += c.layout.in_place ? 1 : 0;
      threads += c.layout.threads > 1 ? 1 : 0;
      if (c.layout.placement.flush == host::Placement::Flush::start) offsets.insert(c.layout.placement.offset);
      Layout shared;
      shared.in_place = true;
      for (std::size_t j = 0; j < op.outputs.size(); ++j)
        if (const auto place = place_of_output(c.question, shared, j)) {
          has_place = true;
          CHECK(c.question.inputs[*place].shape == c.question.output_shapes()[j]);
          CHECK_FALSE(op.inputs[*place].index);
        }
      const host::CallSpec spec = call_spec(c, 0);
      for (const host::TensorSpec& t : spec.tensors)
        if (t.dtype == KARAT_I64) CHECK((t.placement.flush == host::Placement::Flush::end || t.placement.offset % 8 == 0));
    }
    CHECK(strided >= 2);
    CHECK(column_major >= 1);
    CHECK(threads == 3);
    CHECK(offsets.size() >= 3);
    CHECK((in_place > 0) == has_place);
    for (int i = 0; i < 60; ++i) random_strided += random_case(op, f, row_for(op, f), 1, i).layout.dense() ? 0 : 1;
    CHECK(random_strided > 3);
    for (const Case& c : plan(op, f, row_for(op, f, 0), 1).cases) CHECK((c.layout.dense() && !c.layout.in_place));
  }
}

TEST_CASE("what a row's shapes let through, its formula computes") {
  const Format& f = format(Dtype::f32);
  std::mt19937_64 random(11);
  std::int64_t accepted = 0, refused = 0;
  for (const Operator& op : operators()) {
    if (op.independence != Independence::whole) continue;
    for (const Example& example : op.examples)
      for (int i = 0; i < 60; ++i) {
        Question q = filled(op, f, example, Fill::usual, random());
        for (Tensor<Bits>& t : q.inputs)
          for (std::int64_t& extent : t.shape)
            if (random() % 4 == 0) extent = std::max<std::int64_t>(0, extent + static_cast<std::int64_t>(random() % 3) - 1);
        for (Tensor<Bits>& t : q.inputs) t.values.resize(static_cast<std::size_t>(element_count(t.shape)), t.values.empty() ? 0 : t.values[0]);
        if (invalid(q)) {
          ++refused;
          continue;
        }
        ++accepted;
        const PrecisionScope scope(96);
        INFO(op.name);
        for (const Tensor<Bits>& t : q.inputs) INFO(to_text(t.shape));
        CHECK_NOTHROW(answers(q));
      }
  }
  CHECK(accepted > 500);
  CHECK(refused > 500);
}

TEST_CASE("an alignment that a kernel asks for is kept in every case") {
  const Operator& op = *find_operator("relu");
  const Format& f = format(Dtype::f16);
  host::KernelRow row = row_for(op, f);
  row.min_alignment = 16;
  for (const Case& c : plan(op, f, row, 1).cases) {
    const auto bytes = static_cast<std::size_t>(element_count(c.question.inputs[0].shape)) * 2;
    if (c.layout.placement.flush == host::Placement::Flush::start)
      REQUIRE(c.layout.placement.offset % 16 == 0);
    else if (c.layout.dense())
      REQUIRE((c.layout.placement.offset + bytes) % 16 == 0);
  }
}

TEST_CASE("inputs stay in their domain") {
  for (const Operator& op : operators())
    for (const Format& f : {format(Dtype::f32), format(Dtype::f16)}) {
      const host::KernelRow row = row_for(op, f);
      std::vector<Case> cases = plan(op, f, row, 1).cases;
      for (int i = 0; i < 30; ++i) cases.push_back(random_case(op, f, row, 1, i));
      for (const Case& c : cases)
        for (std::size_t t = 0; t < op.inputs.size(); ++t)
          for (const Bits b : c.question.inputs[t].values)
            if (!op.inputs[t].index && !op.inputs[t].takes(to_double(f, b))) FAIL(op.name << " " << op.inputs[t].name << " = " << to_text(f, b));
    }
}

TEST_CASE("shrinking ends at the smallest tensor and the simplest value that fail") {
  const Operator& op = *find_operator("relu");
  const Format& f = format(Dtype::f32);
  const host::KernelRow row = row_for(op, f);
  Case big;
  big.question = {&op, &f, {Tensor<Bits>(Shape{7, 30})}, standard_attributes(op)};
  for (std::size_t i = 0; i < 210; ++i) big.question.inputs[0].values[i] = *exact_bits(f, 0.5 + static_cast<double>(i));
  big.layout.threads = 3;
  big.layout.input_gap = 2;
  big.focus = 150;
  SECTION("a value above a threshold, anywhere") {
    const Case small = shrink(big, row, 2000, [&](const Case& c) {
      for (const Bits b : c.question.inputs[0].values)
        if (to_double(f, b) > 100) return true;
      return false;
    });
    CHECK(text_of(small) == "p relu f32 x=0x1p+7");
  }
  SECTION("a tail: at least 9 elements") {
    const Case small = shrink(big, row, 2000, [](const Case& c) { return c.question.inputs[0].values.size() >= 9; });
    CHECK(text_of(small) == "p relu f32 x=[0x0p+0*9]");
  }
  SECTION("only with threads") {
    const Case small = shrink(big, row, 2000, [](const Case& c) { return c.layout.threads > 1; });
    CHECK(small.layout.threads == 3);
    CHECK(small.layout.dense());
    CHECK(small.question.inputs[0].values.size() <= 1);
  }
  SECTION("the worst input stays what it is where only the shape may shrink") {
    const Case small = shrink_shape(big, row, 2000, [&](const Case& c) {
      for (const Bits b : c.question.inputs[0].values)
        if (to_double(f, b) == 150.5) return true;
      return false;
    });
    CHECK(text_of(small) == "p relu f32 x=0x1.2dp+7");
  }
}

TEST_CASE("shrinking keeps within its budget") {
  const Operator& op = *find_operator("softmax");
  const Format& f = format(Dtype::f32);
  Case c;
  c.question = {&op, &f, {Tensor<Bits>(Shape{20, 20}, std::vector<Bits>(400, *exact_bits(f, 3)))}, standard_attributes(op)};
  int asked = 0;
  shrink(c, row_for(op, f), 25, [&](const Case&) {
    ++asked;
    return true;
  });
  CHECK(asked <= 25);
}
