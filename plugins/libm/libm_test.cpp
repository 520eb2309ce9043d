// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

#include "plugins/plugin_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& libm() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/libm.so");
  return plugin;
}
}  // namespace

TEST_CASE("libm offers its six functions in f64 and f32") {
  REQUIRE(libm()->kernel_count == 12);
  for (const char* op : {"exp", "expm1", "log", "log1p", "sqrt", "tanh"})
    for (int dtype : {KARAT_F64, KARAT_F32}) CHECK(libm().kernel(op, dtype) != nullptr);
}

TEST_CASE("every row of libm computes its operator, dense and strided") {
  for (const karat_kernel* row : libm().kernels())
    for (const std::vector<std::int64_t>& shape :
         {std::vector<std::int64_t>{}, {0}, {1}, {7}, {257}, {3, 5}, {2, 0, 3}, {2, 3, 4, 5}, {1, 1, 6}})
      for (bool strided : {false, true})
        for (bool at_end : {true, false}) {
          INFO(row->op << " rank " << shape.size() << (strided ? " strided" : " dense"));
          CHECK(disagreement(*row, shape, {}, {.strided = strided, .at_end = at_end}) == "");
        }
}

TEST_CASE("every row of libm computes in place") {
  for (const karat_kernel* row : libm().kernels())
    CHECK(disagreement(*row, {3, 67}, {}, {.in_place = true}) == "");
}

TEST_CASE("libm's rows return the library's own bits") {
  const karat_kernel& row = *libm().kernel("tanh", KARAT_F32);
  Call call(row, {1000});
  for (int i = 0; i < 1000; ++i) call.set(0, i, std::ldexp(1.0 + i / 1000.0, i % 40 - 30));
  REQUIRE(call.run() == KARAT_OK);
  for (int i = 0; i < 1000; ++i)
    CHECK(static_cast<float>(call.get(1, i)) == ::tanhf(static_cast<float>(call.get(0, i))));
}
