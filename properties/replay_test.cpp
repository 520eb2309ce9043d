// SPDX-License-Identifier: MIT
#include "properties/replay.hpp"

#include <catch2/catch.hpp>
#include <random>

#include "properties/generate.hpp"
#include "properties/rapid.hpp"

using namespace karat;
using namespace karat::properties;
using Catch::Contains;

namespace {

std::string refusal(const std::string& text) {
  try {
    parse_replay(text);
  } catch (const ReplayError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a line reads back to the same case: bits, shape, attributes and layout") {
  host::KernelRow kernel;
  kernel.capabilities = 0xf;
  for (const Operator& op : operators())
    for (const Format& f : formats())
      for (int i = 0; i < 40; ++i) {
        kernel.op = op.name;
        const Replay line{"mylib", "fast", random_case(op, f, kernel, 11, i), {Level::Rule::faithful, 0}, {}, 1};
        const std::string text = to_text(line);
        INFO(text);
        const Replay back = parse_replay(text);
        CHECK(back.plugin == "mylib");
        CHECK(back.kernel == "fast");
        CHECK(back.level == line.level);
        CHECK(back.c.question.op == &op);
        CHECK(back.c.question.format == &f);
        CHECK(back.c.question.attributes == line.c.question.attributes);
        REQUIRE(back.c.question.inputs.size() == line.c.question.inputs.size());
        for (std::size_t t = 0; t < back.c.question.inputs.size(); ++t) {
          CHECK(back.c.question.inputs[t].shape == line.c.question.inputs[t].shape);
          CHECK(back.c.question.inputs[t].values == line.c.question.inputs[t].values);
        }
        CHECK(to_text(back) == text);
      }
}

TEST_CASE("no operator gives a tensor or an attribute a name that a line uses itself") {
  for (const Operator& op : operators()) {
    INFO(op.name);
    for (const char* word : {"shape", "place", "gaps", "order", "threads", "in_place", "kernel", "level", "case", "seed"}) {
      for (const InputRow& row : op.inputs) CHECK(row.name != word);
      for (const AttributeRow& row : op.attributes) CHECK(row.name != word);
    }
  }
}

TEST_CASE("values repeat, shapes and names have defaults") {
  const Replay r = parse_replay("onednn softmax bf16 shape=2x3 x=[0x1p+0,-inf*2,0x0p+0*3] axis=1 place=start+4 threads=2");
  CHECK(r.c.question.inputs[0].shape == Shape{2, 3});
  CHECK(r.c.question.inputs[0].values == std::vector<Bits>{0x3f80, 0xff80, 0xff80, 0, 0, 0});
  CHECK(r.c.question.attributes.integer("axis") == 1);
  CHECK(r.c.layout.placement.flush == host::Placement::Flush::start);
  CHECK(r.c.layout.placement.offset == 4);
  CHECK(r.c.layout.threads == 2);
  CHECK(parse_replay("a relu f32 x=2").c.question.inputs[0].shape == Shape{1});
  CHECK(parse_replay("a relu f32 shape=scalar x=2").c.question.inputs[0].shape.empty());
  CHECK(parse_replay("a relu f32 x=[]").c.question.inputs[0].shape == Shape{0});
  CHECK(parse_replay("a relu f32 case=plan:17 seed=3").generated == "plan:17");
}

TEST_CASE("each mistake in a line is named") {
  CHECK_THAT(refusal(""), Contains("expected PLUGIN OPERATOR DTYPE"));
  CHECK_THAT(refusal("a sigmoide f32 x=1"), Contains("did you mean sigmoid"));
  CHECK_THAT(refusal("a relu f33 x=1"), Contains("did you mean f32"));
  CHECK_THAT(refusal("a relu f32"), Contains("input x of relu is missing"));
  CHECK_THAT(refusal("a relu f32 x=one"), Contains("expected a number"));
  CHECK_THAT(refusal("a relu f32 x=[1,2"), Contains("ends in ']'"));
  CHECK_THAT(refusal("a relu f32 x=1 x=2"), Contains("each name once"));
  CHECK_THAT(refusal("a relu f32 x=1 y=2"), Contains("expected one of x, shape"));
  CHECK_THAT(refusal("a relu f32 x=0x1.000001p0"), Contains("a value of f32"));
  CHECK_THAT(refusal("a relu f32 x=1 shape=2"), Contains("its shape asks for 2"));
  CHECK_THAT(refusal("a relu f32 x=1*999999999999"), Contains("at most"));
  CHECK_THAT(refusal("a relu f32 shape=9999999x9999999 x=1"), Contains("at most"));
  CHECK_THAT(refusal("a softmax f32 x=[1,2] axis=1"), Contains("below the rank"));
  CHECK_THAT(refusal("a leaky_relu f32 x=1 alpha=-1"), Contains("domain"));
  CHECK_THAT(refusal("a relu f32 x=1 place=middle"), Contains("start, end"));
  CHECK_THAT(refusal("a relu f32 x=1 gaps=0,1"), Contains("1 to 64"));
  CHECK_THAT(refusal("a relu f32 x=1 threads=0"), Contains("1 to 256"));
  CHECK_THAT(refusal("a relu f32 x=1 level=fine"), Contains("max-ulp=N"));
  CHECK_THAT(refusal("a relu f32 case=plan"), Contains("plan:17"));
  CHECK_THAT(refusal("a relu f32 case=plan:-1"), Contains("plan:17"));
}

TEST_CASE("two hundred thousand mutated lines are read or refused, nothing else") {
  const std::vector<std::string> seeds{
      "onednn softmax bf16 shape=2x3 x=[0x1p+0,-inf*2,0x0p+0*3] axis=1 place=start+4 threads=2",
      "mylib leaky_relu_backward f32 dy=0x1p+0 x=nan:0x7f800001 alpha=0x1p-2 gaps=2,3 order=column",
      "a relu f64 x=[1e-300,0x1.fffffffffffffp+1023] in_place=yes level=max-ulp=4 kernel=fast",
      "a tanh f16 case=random:5 seed=77"};
  const std::string alphabet = "0123456789abcdefpx+-.*,=[]: \tninfshape\xff\x01";
  std::mt19937_64 random(99);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = seeds[random() % seeds.size()];
    for (std::uint64_t edits = 1 + random() % 4; edits-- > 0 && !text.empty();) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = alphabet[random() % alphabet.size()]; break;
        case 1: text.erase(at, 1 + random() % 5); break;
        case 2: text.insert(at, 1 + random() % 3, alphabet[random() % alphabet.size()]); break;
        default: text.insert(at, text.substr(random() % text.size(), random() % 12));
      }
    }
    try {
      parse_replay(text);
      ++accepted;
    } catch (const ReplayError&) {
      ++refused;
    }
  }
  CHECK(accepted > 5'000);
  CHECK(refused > 10'000);
}
