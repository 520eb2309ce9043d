// SPDX-License-Identifier: MIT
// Bundled plugins in workers: right ones get a time, broken ones a reason.  Nothing here
// depends on how fast anything is.
#include <catch2/catch.hpp>
#include <chrono>
#include <cmath>

#include "bench/bench.hpp"

namespace karat::bench {
namespace {

host::Worker worker(const std::string& plugin) {
  host::Limits limits;
  limits.call_time = std::chrono::milliseconds(500);
  return host::Worker(std::string(KARAT_PLUGIN_DIR) + "/" + plugin + ".so", limits);
}

std::vector<Timing> run(host::Worker& worker, const std::string& plugin, const BenchOptions& options, const std::function<void(const Timing&)>& sink = {}) {
  return bench::run({{&worker, plugin}}, options, sink);
}

BenchOptions quick(std::vector<std::string> sizes = {"L1"}, std::vector<int> threads = {1}) {
  BenchOptions options;
  options.caches = {"warm"};
  options.sizes = std::move(sizes);
  options.threads = std::move(threads);
  options.min_seconds = 0.005;
  return options;
}

void check_has_time(const Timing& t) {
  CAPTURE(t.op, t.dtype, t.size, t.threads, t.reason);
  CHECK(t.verified);
  CHECK(t.reason.empty());
  CHECK(t.repetitions >= 5);
  CHECK(t.seconds.size() == static_cast<std::size_t>(t.repetitions));
  for (const double d : {t.min_seconds, t.median_seconds, t.max_seconds, t.ns_per_element, t.gb_per_s}) {
    CHECK(d > 0);
    CHECK(std::isfinite(d));
  }
  if (t.size != "small") {
    CHECK(t.machine.known());
    REQUIRE(t.limit);
    for (const double d : {t.copy_seconds, t.ratio_to_copy, t.share_of_limit}) {
      CHECK(d > 0);
      CHECK(std::isfinite(d));
    }
    CHECK(t.ratio_to_copy * t.copy_seconds == Approx(t.median_seconds));
    CHECK(t.share_of_limit * t.median_seconds == Approx(t.limit->seconds));
  }
  CHECK(t.min_seconds <= t.median_seconds);
  CHECK(t.median_seconds <= t.max_seconds);
  CHECK(t.ns_per_element * static_cast<double>(t.elements) == Approx(t.median_seconds * 1e9));
  CHECK(t.gb_per_s * t.median_seconds * 1e9 == Approx(static_cast<double>(t.bytes())));
  CHECK(t.max_ulp >= 0);
  if (find_operator(t.op)->independence != Independence::whole) CHECK(t.max_ulp <= 4);  // nothing cancels
}

void check_has_none(const Timing& t, const std::string& reason) {
  CAPTURE(t.op, t.dtype, t.size, t.threads);
  CHECK_FALSE(t.verified);
  CHECK_THAT(t.reason, Catch::Contains(reason));
  for (const double d : {t.min_seconds, t.median_seconds, t.max_seconds, t.ns_per_element, t.gb_per_s,
                         t.copy_seconds, t.ratio_to_copy, t.share_of_limit})
    CHECK(d == 0);
  CHECK(t.faster_than.empty());
}

TEST_CASE("a right kernel has a time at each size, thread count and state of the caches") {
  auto w = worker("template");
  std::vector<std::string> told;
  std::size_t sunk = 0;
  BenchOptions options = quick({"small", "L2"}, {1, 2});
  options.caches = {};
  options.progress = [&](const std::string& what, std::size_t done, std::size_t all) {
    CHECK(done == told.size());
    CHECK(all == 8);
    told.push_back(what);
  };
  const auto timings = run(w, "template", options, [&](const Timing&) { ++sunk; });
  REQUIRE(timings.size() == 8);
  CHECK(sunk == 8);
  CHECK(told.size() == 8);
  CHECK(told[0] == "relu f32 small warm, 1 thread");
  for (const Timing& t : timings) check_has_time(t);
  CHECK(timings[0].size == "small");
  CHECK(timings[0].cache == "warm");
  CHECK(timings[1].cache == "cold");
  CHECK(timings[7].size == "L2");
  CHECK(timings[7].threads == 2);
  CHECK(timings[7].cache == "cold");
  CHECK(timings[7].bytes() > timings[0].bytes());
  CHECK(timings[0].bytes() == 8 * static_cast<std::uint64_t>(timings[0].shape[0]));
  CHECK_FALSE(timings[0].limit);
}

TEST_CASE("back ends with the same operator take turns, and one that is far slower is said to be") {
  auto healthy = worker("broken/healthy"), plain = worker("plain"), zeros = worker("broken/zeros");
  BenchOptions options = quick();
  options.op = "sigmoid";
  options.dtypes = {"f32"};
  const auto timings = bench::run({{&healthy, "healthy"}, {&zeros, "zeros"}, {&plain, "plain"}}, options);
  REQUIRE(timings.size() == 3);
  check_has_time(timings[0]);
  check_has_none(timings[1], "inaccurate: sigmoid(x = ");
  check_has_time(timings[2]);
  CHECK(timings[0].machine.copy_gb_per_s == timings[2].machine.copy_gb_per_s);  // one run
  CHECK(timings[0].flops == timings[2].flops);
  for (const Timing& t : timings)
    for (const Slower& s : t.faster_than) CHECK(s.p < significant);
}

TEST_CASE("operators whose tensors differ in shape are timed on their grown examples") {
  auto w = worker("plain");
  for (const char* op : {"adam", "mse_loss", "softmax_cross_entropy", "batch_norm", "mean_pool2d", "max_pool2d", "conv2d", "layer_norm_backward"}) {
    BenchOptions options = quick();
    options.op = op;
    options.dtypes = {"f32"};
    const auto timings = run(w, "plain", options);
    REQUIRE(timings.size() >= 1);
    for (const Timing& t : timings) check_has_time(t);
  }
}

TEST_CASE("right kernels have a time in every dtype, and along an axis") {
  auto w = worker("broken/healthy");
  BenchOptions options = quick();
  options.op = "s[io][gf]*";  // sigmoid, softmax, softplus
  const auto timings = run(w, "healthy", options);
  CHECK(timings.size() == 12);
  for (const Timing& t : timings) {
    check_has_time(t);
    CHECK(t.shape.size() == (t.op == "softmax" ? 2 : 1));
  }
}

TEST_CASE("a kernel whose outputs are wrong has no time") {
  for (const auto& [plugin, reason] :
       {std::pair{"zeros", "inaccurate: sigmoid(x = "},
        std::pair{"nan_at_tail", "special_value: sigmoid(x = "},
        std::pair{"skips_tail", "unwritten: element"}, std::pair{"writes_past_end", "out_of_bounds: "}}) {
    CAPTURE(plugin);
    auto w = worker(std::string("broken/") + plugin);
    const auto timings = run(w, plugin, quick({"L1", "L2"}));
    REQUIRE(timings.size() == 2);
    for (const Timing& t : timings) check_has_none(t, reason);
  }
}

TEST_CASE("a kernel that declares narrower arithmetic has a time by that") {
  for (const auto& [plugin, right] : {std::pair{"declares_half_arithmetic", true}, std::pair{"hides_half_arithmetic", false}}) {
    CAPTURE(plugin);
    auto w = worker(std::string("broken/") + plugin);
    const auto timings = run(w, plugin, quick({"L1"}));
    REQUIRE(timings.size() == 1);
    CAPTURE(timings[0].reason);
    CHECK(timings[0].verified == right);
  }
}

TEST_CASE("a kernel that crashes has no time, and the next one still has one") {
  auto w = worker("broken/crashes");
  const auto timings = run(w, "crashes", quick({"L1", "L2"}));
  REQUIRE(timings.size() == 2);
  for (const Timing& t : timings) check_has_none(t, "crashed: ");
  auto next = worker("template");
  for (const Timing& t : run(next, "template", quick())) check_has_time(t);
}

TEST_CASE("a kernel that hangs is waited for once") {
  auto w = worker("broken/hangs");
  const auto begin = std::chrono::steady_clock::now();
  const auto timings = run(w, "hangs", quick({"L1", "L2", "DRAM"}));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
  REQUIRE(timings.size() == 3);
  for (const Timing& t : timings) check_has_none(t, "hung: ");
  CHECK(w.restarts() == 1);
}

TEST_CASE("the level decides who has a time, and a claim may ask for more") {
  auto zeros = worker("broken/zeros");
  BenchOptions options = quick();
  options.level = properties::Level{properties::Level::Rule::max_ulp, 1e9};
  const auto lenient = run(zeros, "zeros", options);
  REQUIRE(lenient.size() == 1);
  CHECK(lenient[0].verified);
  CHECK(lenient[0].max_ulp > 1e6);
  auto truncates = worker("broken/bf16_truncates");  // within 1 ulp, and claims exact
  const auto claimed = run(truncates, "bf16_truncates", options);
  REQUIRE(claimed.size() == 1);
  check_has_none(claimed[0], "ulp, held to exact");
}

TEST_CASE("the options choose what runs") {
  auto w = worker("broken/healthy");
  BenchOptions options = quick();
  options.op = "t*";
  options.dtypes = {"bf16", "f64"};
  options.takes = [](const host::KernelRow& row) { return row.dtype == 1; };
  const auto timings = run(w, "healthy", options);
  REQUIRE(timings.size() == 1);
  CHECK(timings[0].op == "tanh");
  CHECK(timings[0].dtype == "f64");
  options.op = "nothing";
  CHECK(run(w, "healthy", options).empty());
}

TEST_CASE("stopping keeps what was timed") {
  auto w = worker("broken/healthy");
  BenchOptions options = quick();
  options.op = "exp";
  int timed = 0;
  options.stop = [&] { return timed == 2; };
  const auto timings = run(w, "healthy", options, [&](const Timing&) { ++timed; });
  CHECK(timings.size() == 2);
  for (const Timing& t : timings) check_has_time(t);
}

TEST_CASE("unknown sizes, dtypes, caches and thread counts are refused before anything runs") {
  auto w = worker("template");
  BenchOptions options = quick({"L9"});
  CHECK_THROWS_WITH(run(w, "template", options), Catch::Contains("L9"));
  options = quick();
  options.dtypes = {"f23"};
  CHECK_THROWS_WITH(run(w, "template", options), Catch::Contains("f32"));
  options = quick();
  options.caches = {"tepid"};
  CHECK_THROWS_WITH(run(w, "template", options), Catch::Contains("tepid") && Catch::Contains("cold"));
  options = quick({"L1"}, {-1});
  CHECK_THROWS_WITH(run(w, "template", options), Catch::Contains("-1"));
}

}  // namespace
}  // namespace karat::bench
