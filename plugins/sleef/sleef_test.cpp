// SPDX-License-Identifier: MIT
#include <sleef.h>

#include <cmath>
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/plugin_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& sleef() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/sleef.so");
  return plugin;
}
}  // namespace

TEST_CASE("sleef offers its six functions in f64 and f32 for each bound and instruction set") {
  std::set<std::string> suffixes, sets;
  for (const karat_kernel* row : sleef().kernels()) {
    suffixes.insert(row->kernel);
    sets.insert(std::string(row->kernel).substr(3));
  }
  REQUIRE(suffixes.count("u10") == 1);  // the scalar functions run anywhere
  CHECK(sleef()->kernel_count == static_cast<int>(sets.size()) * 9 * 2);
  for (const std::string& set : sets)
    for (const auto& [op, bound] : {std::pair{"exp", "u10"},
                                    {"expm1", "u10"},
                                    {"log", "u10"},
                                    {"log", "u35"},
                                    {"log1p", "u10"},
                                    {"sqrt", "u05"},
                                    {"sqrt", "u35"},
                                    {"tanh", "u10"},
                                    {"tanh", "u35"}})
      for (int dtype : {KARAT_F64, KARAT_F32}) CHECK(sleef().kernel(op, dtype, bound + set) != nullptr);
}

TEST_CASE("every row of sleef computes its operator at every alignment and tail") {
  for (const karat_kernel* row : sleef().kernels())
    for (std::int64_t n : {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 257})
      for (std::size_t offset : {0, 1, 3}) {
        INFO(row->op << '/' << row->kernel << " dtype " << row->dtype << " n " << n << " offset " << offset);
        const std::size_t bytes = offset * format_of(row->dtype).bytes;
        CHECK(disagreement(*row, {n}, {}, {.at_end = true, .offset = bytes}) == "");
        CHECK(disagreement(*row, {n}, {}, {.at_end = false, .offset = bytes}) == "");
      }
}

TEST_CASE("every row of sleef computes in place") {
  for (const karat_kernel* row : sleef().kernels())
    CHECK(disagreement(*row, {3, 67}, {}, {.in_place = true}) == "");
}

TEST_CASE("sleef takes any rank") {
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{}, {3, 5}, {2, 0, 3}, {2, 3, 4, 5}})
    for (const karat_kernel* row : sleef().kernels()) CHECK(disagreement(*row, shape) == "");
}

TEST_CASE("sleef's scalar rows return the library's own bits") {
  Call call(*sleef().kernel("tanh", KARAT_F32, "u10"), {1000});
  for (int i = 0; i < 1000; ++i) call.set(0, i, std::ldexp(1.0 + i / 1000.0, i % 40 - 30));
  REQUIRE(call.run() == KARAT_OK);
  for (int i = 0; i < 1000; ++i)
    CHECK(static_cast<float>(call.get(1, i)) == Sleef_tanhf_u10(static_cast<float>(call.get(0, i))));
}

TEST_CASE("sleef's bounds and instruction sets are different pieces of code") {
  const auto bits = [](const char* kernel) {
    std::vector<std::uint64_t> all;
    const karat_kernel* row = sleef().kernel("log", KARAT_F32, kernel);
    if (!row) return all;  // not on this processor
    Call call(*row, {4096});
    for (int i = 0; i < 4096; ++i) call.set(0, i, (i + 1) / 64.0);
    REQUIRE(call.run() == KARAT_OK);
    for (int i = 0; i < 4096; ++i) all.push_back(call.bits(1, i));
    return all;
  };
  CHECK(bits("u10") != bits("u35"));
  if (sleef().kernel("log", KARAT_F32, "u35avx2") && sleef().kernel("log", KARAT_F32, "u35sse2"))
    CHECK(bits("u35avx2") != bits("u35sse2"));  // FMA rounds once where SSE2 rounds twice
}
