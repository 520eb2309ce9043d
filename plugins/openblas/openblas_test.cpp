// SPDX-License-Identifier: MIT
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/scene_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& openblas() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/openblas.so");
  return plugin;
}
const Plugin& plain() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/plain.so");
  return plugin;
}
}  // namespace

TEST_CASE("openblas offers 27 kernels in f64 and f32") {
  std::set<std::string> kernels;
  for (const karat_kernel* row : openblas().kernels())
    kernels.insert(std::string(row->op) + "/" + row->kernel);
  CHECK(kernels.size() == 27);
  CHECK(openblas()->kernel_count == 54);
  CHECK(std::string(openblas()->version).find("0.") == 0);
}

TEST_CASE("every row of openblas computes its operator, flush to either guard page") {
  for (const karat_kernel* row : openblas().kernels())
    for (const Layout& layout :
         {Layout{.at_end = true}, Layout{.at_end = false, .offset = 3}, Layout{.threads = 3}}) {
      INFO(row->op << '/' << row->kernel << " dtype " << row->dtype);
      const Outcome o = outcome(*row, plain(), layout);
      CHECK(o.agreed > 0);
      CHECK(o.differing == std::vector<std::string>());
    }
}

TEST_CASE("openblas declines what BLAS does not have, and says why") {
  const auto declined = [](const char* op) {
    return outcome(*openblas().kernel(op, KARAT_F32), plain()).declined;
  };
  using Reasons = std::vector<std::string>;
  CHECK(declined("mse_loss") == Reasons{"BLAS has no product element by element"});
  CHECK(declined("regularized_loss_backward") == Reasons{"BLAS has no signs"});
  CHECK(declined("conv2d").empty());
}

TEST_CASE("a large convolution by openblas has the same values with any number of threads") {
  const Scene scene{"conv2d",
                    {given("x", {1, 32, 40, 40}, -1, 1), given("w", {48, 32, 1, 1}, -1, 1), given("b", {48}),
                     output("y", {1, 48, 40, 40})},
                    {{"stride", Extents{1, 1}},
                     {"padding", Extents{0, 0, 0, 0}},
                     {"dilation", Extents{1, 1}},
                     integer("groups", 1)}};
  for (const int threads : {1, 2, 4, 1})
    CHECK(difference(*openblas().kernel("conv2d", KARAT_F64), plain(), scene, {.threads = threads}) == "");
}
