// SPDX-License-Identifier: MIT
#include <map>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/scene_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& xnnpack() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/xnnpack.so");
  return plugin;
}
const Plugin& plain() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/plain.so");
  return plugin;
}
// Whether the library lacks the operator in this dtype on this processor; f32 it always has.
bool lacking(const karat_kernel& row, const Outcome& o) {
  return row.dtype == KARAT_F16 && o.agreed == 0 &&
         std::set(o.declined.begin(), o.declined.end()) ==
             std::set<std::string>{"XNNPACK has no kernel for it on this processor"};
}
}  // namespace

TEST_CASE("xnnpack offers 18 kernels in f32, 11 in f16 and 4 in bf16") {
  std::map<std::int32_t, int> rows;
  for (const karat_kernel* row : xnnpack().kernels()) ++rows[row->dtype];
  CHECK(rows == std::map<std::int32_t, int>{{KARAT_F32, 18}, {KARAT_F16, 11}, {KARAT_BF16, 4}});
}

TEST_CASE("every row of xnnpack computes its operator, flush to either guard page and with threads") {
  for (const karat_kernel* row : xnnpack().kernels())
    for (const Layout& layout :
         {Layout{.at_end = true}, Layout{.at_end = false, .offset = 3}, Layout{.threads = 3}}) {
      INFO(row->op << '/' << row->kernel << " dtype " << row->dtype);
      const Outcome o = outcome(*row, plain(), layout);
      CHECK(o.differing == std::vector<std::string>());
      if (!lacking(*row, o)) CHECK(o.agreed > 0);
    }
}

TEST_CASE("xnnpack declines what the library does not have, and says why") {
  const auto declined = [](const char* op) {
    const Outcome o = outcome(*xnnpack().kernel(op, KARAT_F32), plain());
    return std::set(o.declined.begin(), o.declined.end());
  };
  using Reasons = std::set<std::string>;
  CHECK(declined("mse_loss") == Reasons{"XNNPACK has the terms alone: reduction = none"});
  CHECK(declined("max_pool2d") == Reasons{"XNNPACK rounds sizes down: no ceil_mode"});
  CHECK(declined("sigmoid").empty());
  CHECK(declined("conv2d").empty());
}

TEST_CASE("xnnpack's pool of threads follows the calls") {
  const Scene scene{"sigmoid", {given("x", {100000}, -5, 5), output("y", {100000})}};
  for (const int threads : {1, 2, 4, 2, 1, 3})
    CHECK(difference(*xnnpack().kernel("sigmoid", KARAT_F32), plain(), scene, {.threads = threads}) == "");
}
