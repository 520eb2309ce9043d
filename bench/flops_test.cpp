// SPDX-License-Identifier: MIT
#include "bench/flops.hpp"

#include <catch2/catch.hpp>

#include "bench/repeats.hpp"

namespace karat::bench {
namespace {

Extents extents(const char* op, Shapes shapes, std::map<std::string, Attributes::Value> with = {}) {
  const Operator& row = *find_operator(op);
  Attributes a = standard_attributes(row);
  for (auto& [name, value] : with) a.values[name] = value;
  return {row, std::move(shapes), a};
}

using List = std::vector<std::int64_t>;

std::uint64_t flops(const char* op, Shapes shapes, std::map<std::string, Attributes::Value> with = {}) {
  const Extents e = extents(op, std::move(shapes), std::move(with));
  const auto n = Flops(e).at(e.values());
  REQUIRE(n);
  return static_cast<std::uint64_t>(*n);
}

TEST_CASE("operations are those of the row's algorithm, counted and carried to any size") {
  CHECK(flops("relu", {{1'000'000}}) == 0);           // a comparison
  CHECK(flops("exp", {{1'000'000}}) == 1'000'000);
  CHECK(flops("tanh_backward_from_output", {{1000}, {1000}}) == 3 * 1000);  // dy (1 − y²)
  CHECK(flops("mse_loss", {{4096, 4096}, {4096, 4096}}) == 3 * 4096 * 4096);  // −, ×, n − 1 additions, ÷
  CHECK(flops("mse_loss", {{1000}, {1000}}) == 3 * 1000);
  CHECK(flops("softmax", {{4096, 1024}}, {{"axis", std::int64_t{1}}}) == 4096 * (4 * 1024 - 1));  // −, exp, n − 1 additions, ÷
}

TEST_CASE("a convolution's operations are two for each product, less the first of each sum") {
  // (taps) products and (taps − 1) additions a result; without a bias.
  CHECK(flops("conv2d", {{8, 64, 56, 56}, {64, 64, 1, 1}, {0}}) == 8ull * 64 * 56 * 56 * (2 * 64 - 1));
  CHECK(flops("conv2d", {{8, 64, 56, 56}, {32, 64, 3, 3}, {0}}) == 8ull * 32 * 54 * 54 * (2 * 64 * 9 - 1));
  // With padding the edges have fewer: 3·56 − 2 taps along each axis.
  CHECK(flops("conv2d", {{8, 64, 56, 56}, {32, 64, 3, 3}, {0}}, {{"padding", List{1, 1, 1, 1}}}) == 8ull * 32 * (2ull * 64 * 166 * 166 - 56 * 56));
  // With strides sizes are rounded down.
  CHECK(flops("conv2d", {{2, 8, 57, 58}, {4, 8, 3, 3}, {0}}, {{"stride", List{2, 2}}}) == 2ull * 4 * 28 * 28 * (2 * 8 * 9 - 1));
}

TEST_CASE("counting at a small size gives what the polynomial says there") {
  const Extents e = extents("layer_norm", {{40, 30}, {30}, {30}});
  const Flops f(e);
  for (const std::vector<std::int64_t>& at : {std::vector<std::int64_t>{7, 9}, {11, 10}, {40, 30}})
    CHECK(f.at(at) == static_cast<double>(tally(e.op(), *e.with(at), e.attributes())->flops));
}

// "independent", "repeats", or "" by group; then the scales of the outputs.
std::vector<std::string> repeats(const Extents& e) {
  std::vector<std::string> all;
  for (const auto& r : repeats_of(e)) {
    std::string text = r ? r->independent ? "independent" : "repeats" : "";
    if (r && !r->independent)
      for (const int s : r->scale) text += " " + std::to_string(s);
    all.push_back(text);
  }
  return all;
}

TEST_CASE("samples that know nothing of each other are found, and those that may come again") {
  using Texts = std::vector<std::string>;
  CHECK(repeats(extents("exp", {{100}})) == Texts{"independent"});
  CHECK(repeats(extents("softmax", {{100, 100}}, {{"axis", std::int64_t{1}}})) == Texts{"independent", "repeats -1"});  // twice as many share 1
  CHECK(repeats(extents("adam", {{100}, {100}, {100}, {100}, {100}})) == Texts{"independent"});
  CHECK(repeats(extents("conv2d", {{8, 8, 8, 8}, {8, 8, 3, 3}, {8}})) == Texts{"independent", "", "", "", "independent", "", ""});       // a bias is added once
  CHECK(repeats(extents("conv2d", {{8, 8, 8, 8}, {8, 8, 3, 3}, {0}})) == Texts{"independent", "repeats 1", "", "", "independent", "", ""});
  CHECK(repeats(extents("mean_pool2d", {{8, 8, 8, 8}})) == Texts{"independent", "independent", "", ""});
  CHECK(repeats(extents("flip", {{8, 8, 8, 8}})) == Texts{"independent", "independent", "independent", ""});
}

TEST_CASE("a mean stays where its samples come again, a sum doubles, a gradient of a mean is halved") {
  using Texts = std::vector<std::string>;
  CHECK(repeats(extents("batch_norm", {{8, 8, 8, 8}, {8}, {8}})) == Texts{"repeats 0", "independent", "repeats 0", "repeats 0"});
  CHECK(repeats(extents("softmax_cross_entropy", {{8, 8}, {8}, {0}})) == Texts{"repeats 0", ""});
  CHECK(repeats(extents("softmax_cross_entropy_backward", {{}, {8, 8}, {8}, {0}})) == Texts{"repeats -1", ""});
  CHECK(repeats(extents("mse_loss", {{8}, {8}}, {{"reduction", "sum"}})) == Texts{"repeats 1"});
  CHECK(repeats(extents("mse_loss", {{8}, {8}}, {{"reduction", "none"}})) == Texts{"independent"});
  CHECK(repeats(extents("layer_norm_backward", {{8, 8}, {8, 8}, {8}, {8}}))[0] == "repeats 0 1 1");
  CHECK(repeats(extents("early_stopping", {{8}})) == Texts{""});  // a time series
}

}  // namespace
}  // namespace karat::bench
