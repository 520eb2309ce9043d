// SPDX-License-Identifier: MIT
#include "properties/lean.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <random>

#include "properties/check.hpp"

using namespace karat;
using namespace karat::properties;

namespace {

std::filesystem::path plugin_file(const std::string& name) { return std::filesystem::path(KARAT_PLUGIN_DIR) / (name + ".so"); }

}  // namespace

TEST_CASE("errors of either sign raise no alarm, errors of one sign do") {
  std::mt19937_64 random(1);
  std::vector<double> either, one;
  for (int j = 0; j < 48; ++j) {
    either.push_back((static_cast<double>(random() >> 11) * 0x1p-52 - 1) * 0.5);
    one.push_back(std::abs(either.back()) + 0.05);
  }
  CHECK_FALSE(lean_of(either).alarming());
  CHECK(lean_of(one).alarming());
  for (double& t : one) t = -t;
  CHECK(lean_of(one).alarming());
  for (double& t : one) t *= 0.1;  // one-sided, and small beside what is allowed
  CHECK_FALSE(lean_of(one).alarming());
  CHECK_FALSE(lean_of(std::vector<double>(30, 0.5)).alarming());  // too few rows
  CHECK_FALSE(lean_of(std::vector<double>(48, 0.0)).alarming());
}

TEST_CASE("results cut off instead of rounded pass, with a warning; right ones without") {
  for (const auto& [name, warned] : {std::pair{"broken/cuts_off", true}, {"broken/healthy", false}}) {
    host::Worker worker(plugin_file(name));
    int warnings = 0;
    for (const host::KernelRow& row : worker.info().kernels) {
      const KernelVerdict v = check(worker, name, row, {});
      INFO(name << " " << row.op);
      CHECK(v.result == KernelVerdict::Result::pass);
      warnings += v.warnings.empty() ? 0 : 1;
    }
    CHECK((warnings > 0) == warned);
  }
}
