// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/plugin_testing.hpp"
#include "plugins/scene_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& onednn() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/onednn.so");
  return plugin;
}

const Plugin& plain() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/plain.so");
  return plugin;
}
bool is_layer(const karat_kernel& row) { return std::string(row.kernel) != "eltwise" && std::string(row.kernel) != "softmax_v2"; }

// Whether the library has the operator in this dtype on this processor; f32 it always has.
bool available(const karat_kernel& row) {
  std::string reason;
  if (Call(row, {2, 3}).supported(&reason)) return true;
  CHECK(row.dtype != KARAT_F32);
  CHECK(reason.find("oneDNN has no primitive descriptor for") == 0);
  return false;
}
}  // namespace

TEST_CASE("onednn offers 35 operators in f32 and bf16") {
  std::set<std::string> ops;
  for (const karat_kernel* row : onednn().kernels()) ops.insert(row->op);
  CHECK(ops.size() == 35);
  CHECK(onednn()->kernel_count == 70);
  CHECK(std::string(onednn()->version).find("2.") == 0);
}

TEST_CASE("every row of onednn computes its operator on every shape, tail and alignment") {
  for (const karat_kernel* row : onednn().kernels()) {
    if (is_layer(*row) || !available(*row)) continue;
    const bool softmax = std::string(row->op).find("softmax") != std::string::npos;
    std::vector<std::vector<std::int64_t>> shapes{{1},          {7},        {16},      {257}, {3, 5},
                                                  {2, 3, 4, 5}, {4, 1, 33}, {2, 0, 3}, {0}};
    if (!softmax) shapes.push_back({});
    for (const auto& shape : shapes)
      for (std::int64_t axis = 0; axis < (softmax ? static_cast<std::int64_t>(shape.size()) : 1); ++axis)
        for (std::size_t offset : {0, 1, 3}) {
          INFO(row->op << " dtype " << row->dtype << " rank " << shape.size() << " axis " << axis
                       << " offset " << offset);
          const std::size_t bytes = offset * format_of(row->dtype).bytes;
          CHECK(disagreement(*row, shape, {.axis = axis}, {.at_end = true, .offset = bytes}) == "");
          CHECK(disagreement(*row, shape, {.axis = axis}, {.at_end = false, .offset = bytes}) == "");
        }
  }
}

TEST_CASE("the rows of onednn that claim it compute in place") {
  int claimed = 0;
  for (const karat_kernel* row : onednn().kernels())
    if ((row->capabilities & KARAT_IN_PLACE) && !is_layer(*row) && available(*row)) {
      ++claimed;
      for (std::int64_t axis : {0, 1}) {
        INFO(row->op << " dtype " << row->dtype << " axis " << axis);
        CHECK(disagreement(*row, {33, 67}, {.axis = axis}, {.in_place = true}) == "");
      }
    }
  CHECK(claimed >= 10);
}

TEST_CASE("onednn keeps primitives of different alpha and thread count apart") {
  const karat_kernel& row = *onednn().kernel("leaky_relu", KARAT_F32);
  for (int round = 0; round < 2; ++round)
    for (double alpha : {0.25, 0.5, 3.0})
      for (int threads : {1, 2})
        CHECK(disagreement(row, {1000}, {.alpha = alpha}, {.threads = threads}) == "");
}

TEST_CASE("onednn's cache of primitives survives more shapes than it holds") {
  const karat_kernel& row = *onednn().kernel("tanh", KARAT_F32);
  for (std::int64_t n = 1; n < 600; ++n) REQUIRE(disagreement(row, {n}) == "");
  CHECK(disagreement(row, {5}) == "");
}

TEST_CASE("onednn declines what its primitives cannot express, and says why") {
  std::string reason;
  const karat_kernel& softplus = *onednn().kernel("softplus", KARAT_F32);
  CHECK(!Call(softplus, {4}, {.beta = 2}).supported(&reason));
  CHECK(reason.find("beta = 1") != std::string::npos);
  CHECK(!Call(softplus, {4}, {.threshold = 20}).supported());
  CHECK(Call(softplus, {4}).supported());
  const karat_kernel& tanh = *onednn().kernel("tanh", KARAT_F32);
  CHECK(Call(tanh, std::vector<std::int64_t>(12, 1)).supported());
  CHECK(!Call(tanh, std::vector<std::int64_t>(13, 1)).supported(&reason));
  CHECK(reason.find("12") != std::string::npos);
}

TEST_CASE("every layer of onednn computes its operator, flush to either guard page and with threads") {
  for (const karat_kernel* row : onednn().kernels()) {
    if (!is_layer(*row)) continue;
    for (const Layout& layout : {Layout{.at_end = true}, Layout{.at_end = false, .offset = 3}, Layout{.threads = 3}}) {
      INFO(row->op << " dtype " << row->dtype);
      const Outcome o = outcome(*row, plain(), layout);
      CHECK(o.differing == std::vector<std::string>());
      if (row->dtype == KARAT_F32) CHECK(o.agreed > 0);
      const auto lacks = [](const std::string& why) { return why.starts_with("oneDNN has no primitive descriptor for") || why.starts_with("oneDNN refuses"); };
      if (o.agreed == 0) CHECK(std::any_of(o.declined.begin(), o.declined.end(), lacks));
    }
  }
}
