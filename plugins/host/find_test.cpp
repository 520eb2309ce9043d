// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using Catch::Matchers::Contains;
using karat::host::testing::plugin;
namespace fs = std::filesystem;

namespace {

// An environment variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

std::string error_of(const std::string& argument) {
  try {
    return "found " + find_plugin(argument).string();
  } catch (const LoadError& error) {
    return error.text;
  }
}

}  // namespace

TEST_CASE("the worker program lies in the build tree's bin") {
  CHECK(worker_program() == fs::canonical(KARAT_BINARY_DIR "/bin/karat-worker"));
}

TEST_CASE("KARAT_WORKER names the worker program") {
  {
    const Variable variable("KARAT_WORKER", "/bin/sh");
    CHECK(worker_program() == fs::canonical("/bin/sh"));
  }
  const Variable variable("KARAT_WORKER", "/nowhere/karat-worker");
  CHECK_THROWS_WITH(worker_program(), Contains("/nowhere/karat-worker") && Contains("KARAT_WORKER"));
  CHECK_THROWS_AS(Worker(plugin("behaves")), LoadError);
}

TEST_CASE("a program that is no worker is not taken for one") {
  const Variable variable("KARAT_WORKER", "/bin/true");
  CHECK_THROWS_AS(Worker(plugin("behaves")), LoadError);
}

TEST_CASE("bundled plugins are found by name, sorted, those of sub-directories by sub-directory") {
  const Variable variable("KARAT_PLUGIN_PATH", "/nowhere:" KARAT_PLUGIN_DIR "/testing:");
  const auto files = bundled_plugins();
  const auto name = [](const fs::path& file) { return file.stem().string(); };
  REQUIRE(files.size() >= 29);
  CHECK(std::is_sorted(files.begin(), files.end(),
                       [&](const auto& a, const auto& b) { return name(a) < name(b); }));
  CHECK(std::count(files.begin(), files.end(), fs::canonical(plugin("behaves"))) == 1);
  CHECK(find_plugin("behaves") == fs::canonical(plugin("behaves")));
  CHECK(find_plugin("testing/behaves") == fs::canonical(plugin("behaves")));
}

TEST_CASE("a path is a path, whatever is bundled") {
  CHECK(find_plugin(plugin("behaves")) == fs::canonical(plugin("behaves")));
  const fs::path python = fs::temp_directory_path() / ("karat-find-" + std::to_string(getpid()) + ".py");
  std::ofstream(python) << "import numpy\n";
  CHECK(find_plugin(python.string()) == fs::canonical(python));
  fs::remove(python);
}

TEST_CASE("an unknown name is answered with the nearest one and the list") {
  CHECK_THAT(error_of("testing/behave"),
             Contains("testing/behave: no such file") && Contains("did you mean 'testing/behaves'?"));
  const Variable variable("KARAT_PLUGIN_PATH", KARAT_PLUGIN_DIR "/testing");
  CHECK_THAT(error_of("throw"), Contains("did you mean 'throws'?") && Contains("behaves, "));
  CHECK_THAT(error_of("zzzzzzzzzz"),
             !Contains("did you mean") && Contains("bundled: ") && Contains("throws"));
  CHECK_THAT(error_of("./throws.so"), Contains("no such file"));
  CHECK_THAT(error_of("/nowhere/throws.so"), Contains("no such file"));
  CHECK_THAT(error_of(""), Contains("no such file"));
}
