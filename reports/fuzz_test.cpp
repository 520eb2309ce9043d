// SPDX-License-Identifier: MIT
// The record reader and every format against mutated records: deterministic, so a failure
// repeats.  The only exception that may come out of the reader is RecordError.
#include <array>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "reports/report.hpp"
#include "reports/testing/samples.hpp"

using namespace karat::reports;
using Json = nlohmann::json;

namespace {

constexpr int executions = 240'000;  // mutated lines parsed
constexpr int rendered_every = 400;  // of the accepted ones

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {
    for (const std::string& seed : seeds_) parsed_.push_back(Json::parse(seed));
  }

  std::string next() {
    const std::size_t which = below(seeds_.size());
    if (below(3) == 0) return bytes(structure(parsed_[which]).dump(), 0);
    if (below(2) == 0) return structure(parsed_[which]).dump();
    return bytes(seeds_[which], 1 + below(4));
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  std::string bytes(std::string text, std::size_t times) {
    static const std::array<std::string, 16> tokens{"null",
                                                    "-1",
                                                    "1e999",
                                                    "\"nan\"",
                                                    "{",
                                                    "}",
                                                    "[[[[",
                                                    "\\ud800",
                                                    "\xFF",
                                                    "\x1b",
                                                    "18446744073709551616",
                                                    "\"",
                                                    ",",
                                                    ":",
                                                    "true",
                                                    "\xC3"};
    for (std::size_t t = 0; t <= times && !text.empty(); ++t) {
      const std::size_t at = below(text.size());
      switch (below(7)) {
        case 0:
          text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
          break;
        case 1:
          text[at] = static_cast<char>(below(256));
          break;
        case 2:
          text.erase(at, 1 + below(20));
          break;
        case 3:
          text.insert(at, tokens[below(tokens.size())]);
          break;
        case 4:
          text.insert(at, text.substr(below(text.size()), below(40)));
          break;
        case 5:
          text.resize(at);
          break;
        default: {
          const std::string& other = seeds_[below(seeds_.size())];
          text = text.substr(0, at) + other.substr(below(other.size()));
        }
      }
    }
    std::erase(text, '\n');  // one line is one execution
    return text;
  }

  Json value() {
    switch (below(12)) {
      case 0:
        return nullptr;
      case 1:
        return -1;
      case 2:
        return std::numeric_limits<std::uint64_t>::max();
      case 3:
        return 1.5e300;
      case 4:
        return "";
      case 5:
        return "nan";
      case 6:
        return Json::array();
      case 7:
        return Json::object();
      case 8:
        return hostile;
      case 9:
        return false;
      case 10:
        return std::string(below(3000), 'x');
      default:
        return Json::array({Json::array({Json::object({{"name", "x"}, {"value", 1}})})});
    }
  }

  // One place somewhere inside gets another value, goes, or is said twice.
  Json structure(Json object) {
    Json* node = &object;
    while (node->is_structured() && !node->empty()) {
      auto item = node->begin();
      std::advance(item, below(node->size()));
      if (item->is_structured() && below(2) == 0) {
        node = &*item;
        continue;
      }
      if (below(4) == 0) {
        node->erase(item);
      } else {
        *item = value();
      }
      return object;
    }
    return object;
  }

  std::vector<std::string> seeds_;
  std::vector<Json> parsed_;
  std::mt19937_64 random_{20260314};
};

void render(const Records& r) {
  for (const int width : {0, 40, 80}) REQUIRE_FALSE(console_table(r, width == 40, width).empty());
  REQUIRE_FALSE(markdown(r).empty());
  REQUIRE_FALSE(html(r).empty());
  REQUIRE_FALSE(junit(r).empty());
  REQUIRE(Json::accept(json(r)));
}

}  // namespace

TEST_CASE("mutated record lines are read or refused, 240,000 times, and never crash") {
  Mutator mutator(lines_of(sample_text()));
  int accepted = 0, refused = 0;
  for (int i = 0; i < executions; ++i) {
    const std::string line = mutator.next();
    try {
      const Records r = parse(environment_line + "\n" + line + "\n", "fuzz");
      if (accepted++ % rendered_every == 0) render(r);
    } catch (const RecordError& e) {
      ++refused;
      if (e.line != 2 || e.file != "fuzz" || e.expected.empty() || e.got.empty() || e.what_to_do.empty())
        FAIL("a poor message: " << e.what() << "\nfor " << line);
    }
  }
  CHECK(accepted + refused == executions);
  CHECK(accepted > executions / 20);  // the mutations reach beyond the JSON parser …
  CHECK(refused > executions / 4);    // … and are not all harmless
}

TEST_CASE("mutated record files are read or refused, 2,000 times, and never crash") {
  const std::string whole = sample_text();
  std::mt19937_64 random(7);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string text = whole;
    for (std::size_t t = 0; t <= random() % 3; ++t) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.resize(at + 1);
          break;
        case 2:
          text.erase(at, random() % 2000);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 5000));
      }
      if (text.empty()) text = "\n";
    }
    try {
      const Records r = parse(text, "fuzz");
      if (accepted++ % 50 == 0) render(r);
    } catch (const RecordError&) {
      ++refused;
    }
  }
  CHECK(accepted > 0);
  CHECK(refused > 1000);
}
