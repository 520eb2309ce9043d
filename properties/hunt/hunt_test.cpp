// SPDX-License-Identifier: MIT
#include "properties/hunt/hunt.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "properties/replay.hpp"
#include "properties/sweep/partial.hpp"
#include "reference/numbers/format.hpp"

using namespace karat;
using namespace karat::properties;
using Result = KernelVerdict::Result;
namespace fs = std::filesystem;

namespace {

struct Fixture {
  Fixture() {
    std::string pattern = (fs::temp_directory_path() / "karat-hunt-XXXXXX").string();
    folder = mkdtemp(pattern.data());
  }
  ~Fixture() { fs::remove_all(folder); }
  static fs::path file(const std::string& plugin) { return fs::path(KARAT_PLUGIN_DIR) / (plugin + ".so"); }

  // By evaluations, not by the clock: the same on every machine.
  Hunt run(const std::string& plugin, const std::string& op, const char* dtype, std::uint64_t steps, bool kept = true, const char* level = nullptr) {
    host::Worker worker(file(plugin));
    for (const host::KernelRow& row : worker.info().kernels)
      if (row.op == op && row.dtype == static_cast<std::int32_t>(find_format(dtype)->dtype)) {
        HuntOptions o;
        if (level) o.level = parse_level(level);
        o.seconds = 1e9;
        if (kept) o.folder = folder;
        std::uint64_t done = 0;
        o.progress = [&](const HuntProgress&) { ++done; };
        o.stop = [&] { return done >= steps; };
        kernel = row;
        return hunt(worker, plugin, row, o);
      }
    FAIL(plugin << " has no " << op << " " << dtype);
    return {};
  }

  fs::path folder;
  host::KernelRow kernel;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a hunt in f64 finds what is worst, keeps it, and goes on from it") {
  const Hunt first = run("libm", "exp", "f64", 6);
  REQUIRE(first.prey.size() > 8);
  CHECK(first.tried == 6 * 2048);
  CHECK(first.by_ulps);
  CHECK(first.prey[0].score > 0.5);
  CHECK(first.prey[0].score < 1);
  for (std::size_t i = 1; i < first.prey.size(); ++i) CHECK(first.prey[i].score <= first.prey[i - 1].score);
  CHECK(first.verdict.result == Result::pass);

  const Hunt second = run("libm", "exp", "f64", 3);
  CHECK(second.taken_up == first.prey.size());
  CHECK(second.tried == first.tried + first.prey.size() + 3 * 2048 - first.prey.size());
  CHECK(second.prey[0].score >= first.prey[0].score);

  const std::vector<std::string> lines = hunted(folder, "libm", kernel);
  CHECK(lines.size() == second.prey.size());
  for (const std::string& line : lines) CHECK_NOTHROW(parse_replay(line));
}

TEST_CASE_METHOD(Fixture, "forty thousand inputs lead to what is worst of a library function, and are measured exactly") {
  CHECK(run("libm", "log1p", "f64", 20, false).prey[0].score > 0.75);
  // Its formula cancels to nothing there: a wide enclosure must not count as an error.
  CHECK(run("libm", "tanh", "f64", 20, false).prey[0].score < 3);
}

TEST_CASE_METHOD(Fixture, "a kernel of several values is hunted down to a case that a check tries again") {
  const Hunt found = run("broken/softmax_without_maximum", "softmax", "f32", 300);
  CHECK_FALSE(found.by_ulps);
  CHECK(found.verdict.result == Result::fail);
  REQUIRE_FALSE(found.verdict.failures.empty());
  host::Worker worker(file("broken/softmax_without_maximum"));
  CHECK(replay(worker, parse_replay(found.verdict.failures[0].replay)).result == Result::fail);

  KernelVerdict verdict;
  verdict.plugin = "broken/softmax_without_maximum";
  verdict.kernel = kernel.kernel;
  verdict.result = Result::pass;
  include_hunted(worker, verdict, hunted(folder, verdict.plugin, kernel), 1);
  CHECK(verdict.result == Result::fail);
  CHECK_FALSE(verdict.failures.empty());
}

TEST_CASE_METHOD(Fixture, "right kernels of several values stay right in a hunt") {
  const Hunt h = run("native", "softmax", "f32", 100);
  INFO((h.verdict.failures.empty() ? "" : h.verdict.failures[0].message));
  CHECK(h.verdict.result == Result::pass);
  CHECK(h.tried > 50);
}

TEST_CASE_METHOD(Fixture, "a call that crashes ends the hunt with a case that shows it") {
  host::Worker worker(file("broken/crashes"));
  const host::KernelRow row = worker.info().kernels.at(0);
  HuntOptions o;
  o.seconds = 5;
  const Hunt h = hunt(worker, "broken/crashes", row, o);
  CHECK(h.verdict.result == Result::fail);
  REQUIRE(h.verdict.failures.size() == 1);
  CHECK(h.verdict.failures[0].kind == Kind::crashed);
  CHECK(replay(worker, parse_replay(h.verdict.failures[0].replay)).result == Result::fail);
}

TEST_CASE_METHOD(Fixture, "a damaged population is refused, another kernel's is not taken") {
  run("libm", "exp", "f64", 1);
  host::KernelRow other = kernel;
  other.kernel = "other";
  CHECK(hunted(folder, "libm", other).empty());
  for (const auto& entry : fs::directory_iterator(folder)) fs::resize_file(entry.path(), fs::file_size(entry.path()) / 2);
  CHECK_THROWS_AS(hunted(folder, "libm", kernel), SweepError);
  CHECK(hunted(folder / "none", "libm", kernel).empty());
}
