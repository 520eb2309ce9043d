// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>

#include "bench/bench.hpp"

namespace karat::bench {
namespace {

// 1000 elements, 4000 bytes in and out, beside a machine that copies 80 GB/s.
Timing timing(const char* plugin, const char* op, const char* size, int threads, double seconds) {
  Timing t;
  t.plugin = plugin;
  t.op = op;
  t.kernel = "loop";
  t.dtype = "f32";
  t.size = size;
  t.shape = {1000};
  t.elements = 1000;
  t.read = t.written = 4000;
  t.flops = 5000;
  t.threads = threads;
  t.max_ulp = 0.75;
  conclude(t, {seconds / 2, seconds, seconds, seconds * 1.1, seconds * 2}, {80, 40, 100, 120});
  return t;
}

Timing refused(const char* plugin, const char* op, const char* size, int threads, const char* reason) {
  Timing t = timing(plugin, op, size, threads, 1e-6);
  t.verified = false;
  t.reason = reason;
  return t;
}

TEST_CASE("a timing's record has the fields of the schema") {
  Timing t = timing("mylib", "exp", "L1", 2, 1e-6);
  t.cache = "cold";
  t.faster_than = {{"other", "textbook", 3.5, 0.0006}};
  const auto json = nlohmann::json::parse(timing_json(t));
  CHECK(json.at("type") == "timing");
  CHECK(json.at("plugin") == "mylib");
  CHECK(json.at("op") == "exp");
  CHECK(json.at("kernel") == "loop");
  CHECK(json.at("dtype") == "f32");
  CHECK(json.at("size") == "L1");
  CHECK(json.at("cache") == "cold");
  CHECK(json.at("shape") == std::vector<int>{1000});
  CHECK(json.at("elements") == 1000);
  CHECK(json.at("bytes") == 8000);
  CHECK(json.at("read") == 4000);
  CHECK(json.at("written") == 4000);
  CHECK(json.at("flops") == 5000);
  CHECK(json.at("threads") == 2);
  CHECK(json.at("repetitions") == 5);
  CHECK(json.at("seconds").at("min") == 5e-7);
  CHECK(json.at("seconds").at("median") == 1e-6);
  CHECK(json.at("seconds").at("max") == 2e-6);
  CHECK(json.at("by_repetition").size() == 5);
  CHECK(json.at("spread").get<double>() == Approx(0.05));
  CHECK(json.at("ns_per_element").get<double>() == Approx(1));
  CHECK(json.at("gb_per_s").get<double>() == Approx(8));
  CHECK(json.at("gflop_per_s").get<double>() == Approx(5));
  CHECK(json.at("copy_seconds").get<double>() == Approx(1e-7));
  CHECK(json.at("ratio_to_copy").get<double>() == Approx(10));
  CHECK(json.at("machine").at("copy_nontemporal_gb_per_s") == 40);
  CHECK(json.at("machine").at("read_gb_per_s") == 100);
  CHECK(json.at("limit").at("by") == "memory");
  CHECK(json.at("limit").at("share").get<double>() == Approx(0.1));
  CHECK(json.at("faster_than").at(0).at("plugin") == "other");
  CHECK(json.at("faster_than").at(0).at("times") == 3.5);
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
  for (const char* field : {"seconds", "by_repetition", "ns_per_element", "gb_per_s", "gflop_per_s", "copy_seconds", "ratio_to_copy", "machine", "limit", "max_ulp"})
    CHECK_FALSE(json.contains(field));
}

TEST_CASE("an infinite error is written as text") {
  Timing t = timing("mylib", "exp", "L1", 1, 1e-6);
  t.max_ulp = std::numeric_limits<double>::infinity();
  CHECK(nlohmann::json::parse(timing_json(t)).at("max_ulp") == "inf");
}

std::vector<Timing> some() {
  std::vector<Timing> all{timing("a", "tanh", "L1", 1, 1e-6), timing("b", "tanh", "L1", 1, 2e-6), timing("a", "tanh", "L1", 2, 0.5e-6), refused("b", "tanh", "L1", 2, "crashed: for a reason"),
                          timing("a", "tanh", "DRAM", 1, 1.234e-4)};
  all[0].faster_than = {{"b", "loop", 2, 0.0006}};
  return all;
}

TEST_CASE("a table has a line a kernel, what takes turns together, and the machine below it") {
  CHECK(table(some(), 100) ==
        "tanh f32, L1 (7.81 KiB)\n"
        "             a call   spread   ns/elem    GB/s   GFLOP/s of limit\n"
        " warm, 1 thread\n"
        "  a loop    1.00 µs    ± 5 %      1.00    8.00      5.00   10 % memory\n"
        "  b loop    2.00 µs    ± 5 %      2.00    4.00      2.50    5 % memory\n"
        "  beside: copy 80.0 GB/s, non-temporal 40.0, read 100, multiply-adds 120 GFLOP/s\n"
        "  a loop is faster than b loop (2.00 times, p = 0.0006)\n"
        " warm, 2 threads\n"
        "  a loop     500 ns    ± 5 %     0.500    16.0      10.0   20 % memory\n"
        "  b loop    no time\n"
        "  beside: copy 80.0 GB/s, non-temporal 40.0, read 100, multiply-adds 120 GFLOP/s\n"
        "\n"
        "tanh f32, DRAM (7.81 KiB)\n"
        "             a call   spread   ns/elem    GB/s   GFLOP/s of limit\n"
        " warm, 1 thread\n"
        "  a loop     123 µs    ± 5 %       123  0.0648    0.0405    0 % memory\n"
        "  beside: copy 80.0 GB/s, non-temporal 40.0, read 100, multiply-adds 120 GFLOP/s\n"
        "\n"
        "Without a time:\n"
        "  b/tanh f32 loop (L1 warm 2 threads)\n"
        "      crashed: for a reason\n");
}

TEST_CASE("of the smallest call only its time is told") {
  Timing t = timing("a", "exp", "small", 1, 42e-9);
  CHECK(table({t}, 100) ==
        "exp f32, small (7.81 KiB)\n"
        "             a call   spread\n"
        " warm, 1 thread\n"
        "  a loop    42.0 ns    ± 5 %\n"
        "  beside: copy 80.0 GB/s, non-temporal 40.0, read 100, multiply-adds 120 GFLOP/s\n");
}

TEST_CASE("a kernel's reasons of one kind are said once, with where they hold") {
  CHECK_THAT(table({refused("a", "exp", "L1", 1, "inaccurate: element 1"), refused("a", "exp", "L1", 2, "hung: 10 s"), refused("a", "exp", "DRAM", 1, "inaccurate: element 7")}, 120),
             Catch::EndsWith("Without a time:\n"
                             "  a/exp f32 loop (L1 warm 1 thread, DRAM warm 1 thread)\n"
                             "      inaccurate: element 1\n"
                             "  a/exp f32 loop (L1 warm 2 threads)\n"
                             "      hung: 10 s\n"));
}

TEST_CASE("long names have a line of their own, and lists of slower kernels are broken") {
  std::vector<Timing> all = some();
  all[0].kernel = "a_name_that_is_longer_than_any_column";
  for (int i = 0; i < 5; ++i) all[0].faster_than.push_back({"back_end" + std::to_string(i), "loop", 2, 0.0006});
  const std::string text = table(all, 80);
  CHECK_THAT(text, Catch::Contains("  a a_name_that_is_longer_than_any_column\n"));
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    std::size_t columns = 0;
    for (std::size_t i = begin; i < end; ++i) columns += (text[i] & 0xc0) != 0x80 ? 1 : 0;
    CHECK(columns <= 80);
  }
}

TEST_CASE("no timings make no table") { CHECK(table({}, 80).empty()); }

}  // namespace
}  // namespace karat::bench
