// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/plugin_testing.hpp"

using namespace karat::plugin_testing;

TEST_CASE("the template computes relu at every alignment and tail") {
  const Plugin plugin(KARAT_PLUGIN_DIR "/template.so");
  REQUIRE(plugin->kernel_count == 1);
  const karat_kernel& relu = *plugin.kernel("relu", KARAT_F32);
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{}, {0}, {1}, {9}, {3, 5}, {2, 0}})
    for (bool at_end : {true, false})
      CHECK(disagreement(relu, shape, {}, {.at_end = at_end, .offset = 4}) == "");
}

TEST_CASE("the template's relu keeps NaN and infinities") {
  const Plugin plugin(KARAT_PLUGIN_DIR "/template.so");
  const double infinity = std::numeric_limits<double>::infinity();
  Call call(*plugin.kernel("relu", KARAT_F32), {3});
  call.set(0, 0, std::nan(""));
  call.set(0, 1, infinity);
  call.set(0, 2, -infinity);
  REQUIRE(call.run() == KARAT_OK);
  CHECK(std::isnan(call.get(1, 0)));
  CHECK(call.get(1, 1) == infinity);
  CHECK(call.get(1, 2) == 0);
}

TEST_CASE("the template builds with the one line of its README and runs") {
  const std::string out = KARAT_BINARY_DIR "/template_one_line.so";
  const std::string source = KARAT_SOURCE_DIR "/plugins";
  const std::string line = "cc -std=c11 -pedantic -Wall -Wextra -Werror -O2 -shared -fPIC -I '" + source +
                           "' '" + source + "/template/template.c' -o '" + out + "'";
  INFO(line);
  REQUIRE(std::system(line.c_str()) == 0);
  const Plugin plugin(out);
  CHECK(disagreement(*plugin.kernel("relu", KARAT_F32), {100}) == "");
}
