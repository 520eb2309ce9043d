// SPDX-License-Identifier: MIT
// The two-sided measurement with three seeds; `karat self-check --full` is the whole of it.
#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>

#include "properties/quality/measure.hpp"

using namespace karat::properties;
using namespace karat::properties::quality;

TEST_CASE("right kernels written in many ways raise no alarm, and wrong ones are caught on every seed", "[quality]") {
  const Figures f = measure(3, {{"stable", default_level}});
  CHECK(f.variants >= 60);
  CHECK(f.right[0].judged > 3000);
  CHECK(f.alarms == std::vector<std::string>{});
  CHECK(f.survivors == std::vector<std::string>{});
  CHECK(f.wrong[0].refused == 3 * f.mutants);
}

TEST_CASE("a rule that refuses nothing, or everything, is told by the measurement", "[quality]") {
  const Figures f = measure(1, {{"nothing", {Level::Rule::max_ulp, 1e300}}, {"nearly all", {Level::Rule::exact, 0}}});
  CHECK(f.right[0].refused < f.right[0].judged / 10);
  CHECK(f.survivors.size() > 10);
  CHECK(f.right[1].refused > f.right[1].judged / 10);
}

TEST_CASE("docs/verdict-quality.md is of these sources", "[quality]") {
  std::ifstream file(KARAT_SOURCE_DIR "/docs/verdict-quality.md");
  std::stringstream text;
  text << file.rdbuf();
  INFO("docs/verdict-quality.md is stale: make it again with `karat self-check --full --write docs/verdict-quality.md`");
  CHECK(text.str().find("`" + source_hash() + "`") != std::string::npos);
}
