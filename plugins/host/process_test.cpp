// SPDX-License-Identifier: MIT
// Nothing is left behind: no descriptors, no zombies, no orphans.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using namespace karat::host::testing;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

std::set<std::string> open_descriptors() {
  std::set<std::string> open;
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    const fs::path target = fs::read_symlink(entry.path(), error);
    if (!error && target.string().find("/fd") == std::string::npos)
      open.insert(entry.path().filename().string() + " " + target.string());
  }
  return open;
}

// Parent of the process and its state, from /proc.
struct Stat {
  char state = '?';
  pid_t parent = 0;
};
std::optional<Stat> stat_of(const fs::path& directory) {
  std::ifstream file(directory / "stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto behind_name = text.rfind(')');
  if (behind_name == std::string::npos) return std::nullopt;
  Stat stat;
  if (std::sscanf(text.c_str() + behind_name + 1, " %c %d", &stat.state, &stat.parent) != 2)
    return std::nullopt;
  return stat;
}

std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const auto stat = stat_of(entry.path()); stat && stat->parent == parent)
      children.push_back(std::stoi(name));
  }
  return children;
}

}  // namespace

TEST_CASE("workers leave neither descriptors nor zombies, however they end", "[crashes]") {
  { Worker warm_up(plugin("behaves")); }
  const auto before = open_descriptors();
  const auto children = children_of(getpid());
  {
    Limits limits;
    limits.call_time = std::chrono::milliseconds(200);
    Worker right(plugin("behaves"), limits), wrong(plugin("crashes"), limits);
    CHECK(run(right, unary(right, "copy", 4)).status == Status::ok);
    for (const char* name : {"aborts", "hangs", "exits", "closes_descriptors"})
      CHECK(run(wrong, unary(wrong, name, 4)).status != Status::ok);
    CHECK_THROWS_AS(Worker(plugin("crash_entry")), LoadError);
    CHECK_THROWS_AS(Worker(plugin("no_symbol")), LoadError);
    CHECK(children_of(getpid()).size() == children.size() + 1);
  }
  CHECK(open_descriptors() == before);
  CHECK(children_of(getpid()) == children);
}

TEST_CASE("a worker inherits none of the host's descriptors") {
  // Without FD_CLOEXEC, as a careless library would open it.
  const int low = open("/dev/zero", O_RDONLY);
  const int careless = fcntl(low, F_DUPFD, 20);  // above those that the worker's own replace
  close(low);
  REQUIRE(careless >= 20);
  Worker worker(plugin("behaves"));
  const auto children = children_of(getpid());
  REQUIRE(children.size() == 1);
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(children[0]) + "/fd"))
    CHECK(fs::read_symlink(entry.path()) != "/dev/zero");
  close(careless);
}

TEST_CASE("a worker started by a thread outlives that thread") {
  std::optional<Worker> worker;
  std::thread([&] { worker.emplace(plugin("behaves")); }).join();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(run(*worker, unary(*worker, "copy", 4)).status == Status::ok);
  CHECK(worker->restarts() == 0);
}

TEST_CASE("a worker dies with its host, even in the middle of a call", "[crashes]") {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t host = fork();
  REQUIRE(host >= 0);
  if (host == 0) {
    Worker worker(plugin("crashes"));
    worker.prepare(unary(worker, "hangs", 4));
    const pid_t child = children_of(getpid()).at(0);
    if (write(ready[1], &child, sizeof child) != sizeof child) _exit(1);
    worker.run(kPoison);
    _exit(0);
  }
  pid_t worker = 0;
  REQUIRE(read(ready[0], &worker, sizeof worker) == sizeof worker);
  close(ready[0]);
  close(ready[1]);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  REQUIRE(kill(worker, 0) == 0);
  kill(host, SIGKILL);
  waitpid(host, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 300 && !gone; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const auto stat = stat_of("/proc/" + std::to_string(worker));
    gone = !stat || stat->state == 'Z' || stat->state == 'X';
  }
  CHECK(gone);
}

TEST_CASE("a host that ignores SIGCHLD can still use workers", "[crashes]") {
  const auto before = signal(SIGCHLD, SIG_IGN);
  {
    Worker worker(plugin("crashes"));
    CHECK(run(worker, unary(worker, "aborts", 4)).status != Status::ok);
    CHECK(run(worker, unary(worker, "touches", 4, {integer("tensor", 0)})).status == Status::ok);
  }
  signal(SIGCHLD, before);
}

TEST_CASE("a plugin that is gone when its worker must restart is the host's error", "[crashes]") {
  const fs::path copy = fs::temp_directory_path() / ("karat-vanishes-" + std::to_string(getpid()) + ".so");
  fs::copy_file(plugin("crashes"), copy, fs::copy_options::overwrite_existing);
  Worker worker(copy);
  CHECK(run(worker, unary(worker, "aborts", 4)).status == Status::crashed);
  fs::remove(copy);
  const Outcome outcome = worker.run(kPoison);
  CHECK(outcome.status == Status::host_error);
  CHECK_THAT(outcome.detail, Contains("cannot start the worker again") && Contains(copy.string()));
}

TEST_CASE("several workers live side by side") {
  Worker first(plugin("behaves")), second(plugin("behaves"));
  const auto a = first.prepare(unary(first, "copy", 4)), b = second.prepare(unary(second, "twice", 4));
  fill(a);
  fill(b);
  CHECK(first.run(kPoison).status == Status::ok);
  CHECK(second.run(kPoison).status == Status::ok);
  CHECK(floats(a[1])[3] == 4.0f);
  CHECK(floats(b[1])[3] == 8.0f);
}
