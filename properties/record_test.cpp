// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <limits>

#include "properties/check.hpp"
#include "properties/record_json.hpp"

using namespace karat::properties;

TEST_CASE("figures without a number in JSON are words, and none is null") {
  Failure failure;
  failure.got = "0x1p+51";
  failure.exact = "0x1.8p-3993";  // below any double: neither its error nor its budget is a number of ulps
  failure.ulp = failure.allowed = std::numeric_limits<double>::infinity();
  const Json json = failures_of({failure}, "stable");
  CHECK(json[0]["ulp"] == "inf");
  CHECK(json[0]["allowed"] == "inf");
  CHECK(dump(json).find("null") == std::string::npos);
  failure.allowed = std::numeric_limits<double>::quiet_NaN();  // no limit to tell
  CHECK_FALSE(failures_of({failure}, "stable")[0].contains("allowed"));
}
