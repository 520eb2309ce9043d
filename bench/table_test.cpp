// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "bench/bench.hpp"

namespace karat::bench {
namespace {

Timing timing(const char* plugin, const char* op, const char* size, int threads, double seconds) {
  Timing t;
  t.plugin = plugin;
  t.op = op;
  t.kernel = "loop";
  t.dtype = "f32";
  t.size = size;
  t.shape = {1000};
  t.bytes = 8000;
  t.threads = threads;
  t.repetitions = 5;
  t.verified = true;
  t.min_seconds = seconds / 2;
  t.median_seconds = seconds;
  t.max_seconds = seconds * 2;
  t.ns_per_element = seconds * 1e9 / 1000;
  t.gb_per_s = 8000 / seconds * 1e-9;
  t.copy_seconds = 1e-7;
  t.ratio_to_copy = seconds / 1e-7;
  t.max_ulp = 0.75;
  return t;
}

Timing refused(const char* plugin, const char* op, const char* size, int threads, const char* reason) {
  Timing t = timing(plugin, op, size, threads, 1e-6);
  t.verified = false;
  t.reason = reason;
  return t;
}

TEST_CASE("a timing's record has the fields of the schema") {
  const auto json = nlohmann::json::parse(timing_json(timing("mylib", "exp", "L1", 2, 1e-6)));
  CHECK(json.at("type") == "timing");
  CHECK(json.at("plugin") == "mylib");
  CHECK(json.at("op") == "exp");
  CHECK(json.at("kernel") == "loop");
  CHECK(json.at("dtype") == "f32");
  CHECK(json.at("size") == "L1");
  CHECK(json.at("shape") == std::vector<int>{1000});
  CHECK(json.at("bytes") == 8000);
  CHECK(json.at("threads") == 2);
  CHECK(json.at("repetitions") == 5);
  CHECK(json.at("seconds").at("min") == 5e-7);
  CHECK(json.at("seconds").at("median") == 1e-6);
  CHECK(json.at("seconds").at("max") == 2e-6);
  CHECK(json.at("ns_per_element").get<double>() == Approx(1));
  CHECK(json.at("gb_per_s").get<double>() == Approx(8));
  CHECK(json.at("copy_seconds") == 1e-7);
  CHECK(json.at("ratio_to_copy").get<double>() == Approx(10));
  CHECK(json.at("verified") == true);
  CHECK(json.at("max_ulp") == 0.75);
  CHECK_FALSE(json.contains("reason"));
}

TEST_CASE("a record without verification has a reason and no time") {
  const std::string line = timing_json(refused("mylib", "exp", "L1", 1, "wrong \xff bytes\nand a line feed"));
  CHECK(line.find('\n') == std::string::npos);
  const auto json = nlohmann::json::parse(line);
  CHECK(json.at("verified") == false);
  CHECK(json.at("reason").get<std::string>().find("wrong") == 0);
  for (const char* field :
       {"seconds", "ns_per_element", "gb_per_s", "copy_seconds", "ratio_to_copy", "max_ulp"})
    CHECK_FALSE(json.contains(field));
}

TEST_CASE("an infinite error is written as text") {
  Timing t = timing("mylib", "exp", "L1", 1, 1e-6);
  t.max_ulp = std::numeric_limits<double>::infinity();
  CHECK(nlohmann::json::parse(timing_json(t)).at("max_ulp") == "inf");
}

const std::vector<Timing> some{
    timing("b", "tanh", "L1", 1, 2e-6), timing("b", "tanh", "DRAM", 1, 1.234e-4),
    timing("a", "tanh", "L1", 1, 1e-6), timing("a", "tanh", "L1", 2, 0.5e-6),
    timing("a", "exp", "L1", 1, 3e-8),  refused("a", "exp", "DRAM", 1, "crashed: for a reason")};

TEST_CASE("a wide table has a line a kernel and thread count, back ends side by side") {
  CHECK(table(some, 120) ==
        "                                                 L1                        DRAM\n"
        "kernel          threads   ns/elem     GB/s   x copy   ns/elem     GB/s   x copy\n"
        "a/exp f32 loop        1    0.0300      267    0.300                     no time\n"
        "a/tanh f32 loop       1      1.00     8.00     10.0\n"
        "                      2     0.500     16.0     5.00\n"
        "b/tanh f32 loop       1      2.00     4.00     20.0       123   0.0648     1234\n"
        "\n"
        "Without a time:\n"
        "  a/exp f32 loop (DRAM 1 thread)\n"
        "      crashed: for a reason\n");
}

TEST_CASE("a kernel's reasons of one kind are said once, with where they hold") {
  CHECK_THAT(table({refused("a", "exp", "L1", 1, "inaccurate: element 1"),
                    refused("a", "exp", "L1", 2, "hung: 10 s"),
                    refused("a", "exp", "DRAM", 1, "inaccurate: element 7")},
                   120),
             Catch::EndsWith("Without a time:\n"
                             "  a/exp f32 loop (L1 1 thread, DRAM 1 thread)\n"
                             "      inaccurate: element 1\n"
                             "  a/exp f32 loop (L1 2 threads)\n"
                             "      hung: 10 s\n"));
}

TEST_CASE("a narrow table stands below the other, each within the width") {
  const std::string text = table(some, 60);
  std::size_t begin = 0;
  for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    CHECK(end - begin <= 60);
  CHECK(text.find("DRAM\n") != std::string::npos);
  CHECK(text.find("      123   0.0648     1234\n") != std::string::npos);
}

TEST_CASE("no timings make no table") { CHECK(table({}, 80).empty()); }

}  // namespace
}  // namespace karat::bench
