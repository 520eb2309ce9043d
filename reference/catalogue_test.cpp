// SPDX-License-Identifier: MIT
// Nothing of the seed is missing; docs/formulas.md is what the rows say.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "reference/catalogue.hpp"

using namespace karat;

TEST_CASE("every equation, algorithm and figure of the seed is in a row or said to be elsewhere") {
  const auto items = seed_items();
  REQUIRE(items.size() == 54 + 1 + 4);
  for (const SeedItem& item : items) {
    INFO(item.name);
    CHECK((!item.operators.empty() || !item.elsewhere.empty()));
  }
}

TEST_CASE("every row says its formula, its source and what its outputs are") {
  for (const Operator& op : operators()) {
    INFO(op.name);
    CHECK(!op.formula.empty());
    CHECK(!op.source.empty());
    CHECK(!op.family.empty());
    CHECK(!op.outputs.empty());
    if (op.independence == Independence::whole) CHECK(!op.examples.empty());
  }
}

TEST_CASE("a misprint that can be computed shows two different values") {
  int shown = 0;
  for (const Misprint& m : misprints()) {
    INFO(m.where << ": " << m.shown);
    CHECK(!m.shown.empty());
    const std::size_t printed = m.shown.find("printed "), standard = m.shown.find(", standard ");
    if (printed == std::string::npos || standard == std::string::npos) continue;
    CHECK(m.shown.substr(printed + 8, standard - printed - 8) != m.shown.substr(standard + 11));
    ++shown;
  }
  CHECK(shown >= 5);
}

TEST_CASE("docs/formulas.md is what the rows say; KARAT_APPROVE=1 writes it anew") {
  const std::string file = KARAT_SOURCE_DIR "/docs/formulas.md";
  const std::string made = catalogue_markdown();
  if (std::getenv("KARAT_APPROVE")) std::ofstream(file) << made;
  std::ostringstream kept;
  kept << std::ifstream(file).rdbuf();
  CHECK(kept.str() == made);
}
