// SPDX-License-Identifier: MIT
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/plugin_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& eigen() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/eigen.so");
  return plugin;
}
}  // namespace

TEST_CASE("eigen offers eight functions in four dtypes for each instruction set") {
  std::set<std::string> instruction_sets;
  for (const karat_kernel* row : eigen().kernels()) instruction_sets.insert(row->kernel);
  REQUIRE(!instruction_sets.empty());
  CHECK(eigen()->kernel_count == static_cast<int>(instruction_sets.size()) * 8 * 4);
  for (const std::string& name : instruction_sets)
    for (const char* op : {"exp", "expm1", "log", "log1p", "sqrt", "tanh", "sigmoid", "relu"})
      for (int dtype : {KARAT_F64, KARAT_F32, KARAT_F16, KARAT_BF16})
        CHECK(eigen().kernel(op, dtype, name) != nullptr);
}

TEST_CASE("every row of eigen computes its operator at every alignment and tail") {
  for (const karat_kernel* row : eigen().kernels())
    for (std::int64_t n : {0, 1, 3, 7, 8, 9, 31, 64, 257})
      for (std::size_t offset : {0, 1, 3}) {
        INFO(row->op << '/' << row->kernel << " dtype " << row->dtype << " n " << n << " offset " << offset);
        const std::size_t bytes = offset * format_of(row->dtype).bytes;
        CHECK(disagreement(*row, {n}, {}, {.at_end = true, .offset = bytes}) == "");
        CHECK(disagreement(*row, {n}, {}, {.at_end = false, .offset = bytes}) == "");
      }
}

TEST_CASE("every row of eigen computes in place") {
  for (const karat_kernel* row : eigen().kernels())
    CHECK(disagreement(*row, {3, 67}, {}, {.in_place = true}) == "");
}

TEST_CASE("eigen takes any rank") {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {3, 5}, {2, 0, 3}, {2, 3, 4, 5}})
    CHECK(disagreement(*eigen().kernel("tanh", KARAT_F32), shape) == "");
}

TEST_CASE("eigen's two instruction sets are two pieces of code") {
  const karat_kernel* sse2 = eigen().kernel("exp", KARAT_F32, "sse2");
  const karat_kernel* avx2 = eigen().kernel("exp", KARAT_F32, "avx2");
  if (!sse2 || !avx2) return;  // another architecture, or a processor without AVX2
  constexpr int n = 4096;
  Call a(*sse2, {n}), b(*avx2, {n});
  for (int i = 0; i < n; ++i) {
    a.set(0, i, i / 64.0 - 32);
    b.set(0, i, i / 64.0 - 32);
  }
  REQUIRE(a.run() == KARAT_OK);
  REQUIRE(b.run() == KARAT_OK);
  int differences = 0;  // FMA rounds once where SSE2 rounds twice
  for (int i = 0; i < n; ++i) differences += a.bits(1, i) != b.bits(1, i);
  CHECK(differences > 0);
}
