// SPDX-License-Identifier: MIT
// An outside anchor: the expected outputs of ONNX's node tests, made by NumPy, against exact values.
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "properties/golden/onnx.hpp"

using namespace karat::properties;

TEST_CASE("ONNX's node tests agree within ONNX's tolerance, and none is left out without a reason") {
  REQUIRE(std::filesystem::is_directory(KARAT_ONNX_TESTS));  // of libonnx-testdata
  int judged = 0;
  std::set<std::string> operators;
  for (const OnnxTest& test : read_onnx(KARAT_ONNX_TESTS)) {
    INFO(test.name << ": " << test.reason);
    CHECK(test.reason.empty() == !test.cases.empty());
    if (!test.reason.empty()) continue;
    const OnnxAgreement a = agreement(test);
    CHECK(a.results > 0);
    CHECK(a.of_tolerance <= 1);
    ++judged;
    operators.insert(test.onnx_operator);
  }
  CHECK(judged >= 90);
  CHECK(operators.size() >= 20);
}

TEST_CASE("a folder that holds no node test is refused") {
  CHECK_THROWS_AS(read_onnx("/nowhere"), FileError);
  CHECK_THROWS_AS(read_onnx("/proc/self/fd"), FileError);
}
