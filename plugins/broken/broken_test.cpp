// SPDX-License-Identifier: MIT
// A judge in miniature, so that the defects can be trusted before the real one is tried on
// them: each plugin must show the verdict that it names, and nothing else.
#include <fcntl.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "plugins/plugin_testing.hpp"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

using namespace karat::plugin_testing;

namespace {

const std::filesystem::path directory = KARAT_PLUGIN_DIR "/broken";
constexpr double infinity = std::numeric_limits<double>::infinity();

enum Finding {
  inaccurate,
  special_value,
  unwritten,
  out_of_bounds,
  input_modified,
  nondeterministic,
  fp_env_changed,
  protocol_violation,
  crashed,
  hung,
  out_of_memory,
  finding_count
};
constexpr std::array<const char*, finding_count> finding_names{
    "inaccurate",       "special_value",  "unwritten",          "out_of_bounds", "input_modified",
    "nondeterministic", "fp_env_changed", "protocol_violation", "crashed",       "hung",
    "out_of_memory"};

// Shared with the child that runs the plugin.
struct Shared {
  char expected[64];
  bool found[finding_count];
  bool finished;
  int calls;
};
Shared* shared = nullptr;
const Call* current = nullptr;
sigjmp_buf after_fault;

void on_fault(int signal, siginfo_t* info, void*) {
  if (signal == SIGSEGV || signal == SIGBUS) {
    if (current->is_guard(info->si_addr) || current->is_input(info->si_addr)) {
      shared->found[current->is_guard(info->si_addr) ? out_of_bounds : input_modified] = true;
      siglongjmp(after_fault, 1);
    }
  }
  shared->found[crashed] = true;
  _exit(0);
}

// The control bits of the floating-point environment.
unsigned fp_control() {
  auto control = static_cast<unsigned>(fegetround()) << 16;
#if defined(__SSE__)
  control |= _mm_getcsr() & 0xffc0U;
#endif
  return control;
}

// What run() returned; nothing if it faulted.
std::optional<std::int32_t> run_through_faults(Call& call) {
  current = &call;
  if (sigsetjmp(after_fault, 1) != 0) return std::nullopt;
  return call.run();
}

// One call on one layout: the output's bits, or nothing if it faulted.
std::vector<std::uint64_t> run(const karat_kernel& kernel, const std::vector<std::int64_t>& shape,
                               const std::vector<std::vector<double>>& inputs, Attributes a, Layout layout) {
  Call call(kernel, shape, a, layout);
  for (std::size_t t = 0; t < call.output(); ++t)
    for (std::int64_t i = 0; i < call.size(); ++i) call.set(t, i, inputs[t][static_cast<std::size_t>(i)]);
  const int descriptor = open("/dev/null", O_RDONLY);
  const unsigned control = fp_control();
  const std::optional<std::int32_t> status = run_through_faults(call);
  if (fp_control() != control) shared->found[fp_env_changed] = true;
  fesetenv(FE_DFL_ENV);
  if (fcntl(descriptor, F_GETFD) == -1) shared->found[protocol_violation] = true;
  close(descriptor);
  ++shared->calls;
  if (!status) return {};
  if (*status != KARAT_OK) {
    shared->found[*status == KARAT_OUT_OF_MEMORY ? out_of_memory : protocol_violation] = true;
    return {};
  }
  if (call.wrote_outside()) shared->found[out_of_bounds] = true;
  std::vector<std::uint64_t> bits;
  for (std::int64_t i = 0; i < call.size(); ++i) {
    if (call.unwritten(i)) {
      shared->found[unwritten] = true;
      return {};
    }
    bits.push_back(call.bits(call.output(), i));
  }
  return bits;
}

// Results to compare with: the control's, or for what it lacks a formula.  Nothing: any will do.
std::vector<std::optional<double>> right_results(const Plugin& healthy, const karat_kernel& kernel,
                                                 const std::vector<std::int64_t>& shape,
                                                 const std::vector<std::vector<double>>& inputs,
                                                 Attributes a) {
  const karat_kernel* control = healthy.kernel(kernel.op, kernel.dtype);
  Call call(control ? *control : kernel, shape, a);
  for (std::size_t t = 0; t < call.output(); ++t)
    for (std::int64_t i = 0; i < call.size(); ++i) call.set(t, i, inputs[t][static_cast<std::size_t>(i)]);
  std::vector<std::optional<double>> results;
  if (control && call.run() != KARAT_OK) std::abort();
  for (std::int64_t i = 0; i < call.size(); ++i) {
    if (!control) call.set(call.output(), i, formula(kernel.op, call, i, a));
    results.push_back(call.get(call.output(), i));
  }
  // What a mask gives at NaN is left open.
  for (std::size_t i = 0; i < results.size(); ++i)
    if (!control && std::isnan(inputs.back()[i])) results[i].reset();
  return results;
}

// Position of a value in the order of its format, so that neighbours differ by one.
std::int64_t position(std::uint64_t bits, std::int32_t dtype) {
  const std::uint64_t sign = std::uint64_t{1} << (format_of(dtype).bytes * 8 - 1);
  const auto magnitude = static_cast<std::int64_t>(bits & (sign - 1));
  return bits & sign ? -magnitude : magnitude;
}

void compare(const karat_kernel& kernel, std::uint64_t got_bits, double want) {
  const double got = decode(got_bits, kernel.dtype);
  if (std::isnan(want) || std::isnan(got) || std::isinf(want) || std::isinf(got)) {
    if (!(std::isnan(want) ? std::isnan(got) : got == want)) shared->found[special_value] = true;
    return;
  }
  if (want == 0 && got == 0) {  // the sign counts where the operator says so
    const std::string_view op = kernel.op;
    if (op == "tanh" && std::signbit(want) != std::signbit(got)) shared->found[special_value] = true;
    return;
  }
  const bool exact = kernel.claim && std::string_view(kernel.claim) == "exact";
  const auto distance =
      std::abs(position(got_bits, kernel.dtype) - position(encode(want, kernel.dtype), kernel.dtype));
  if (!(distance <= (exact ? 0 : 1))) shared->found[inaccurate] = true;
}

// Runs one case in every layout that the row claims, twice each.
void judge(const Plugin& healthy, const karat_kernel& kernel, const std::vector<std::int64_t>& shape,
           const std::vector<std::vector<double>>& inputs, Attributes a = {}) {
  const std::size_t element = format_of(kernel.dtype).bytes;
  std::vector<Layout> layouts{{.at_end = true},
                              {.at_end = false},
                              {.at_end = true, .offset = element},
                              {.at_end = false, .offset = element}};
  if (kernel.capabilities & KARAT_STRIDED) layouts.push_back({.strided = true});
  const std::vector<std::optional<double>> want = right_results(healthy, kernel, shape, inputs, a);
  std::vector<std::uint64_t> first;
  for (const Layout& layout : layouts)
    for (int rerun = 0; rerun < 2; ++rerun) {
      const auto got = run(kernel, shape, inputs, a, layout);
      if (got.empty()) continue;
      if (first.empty()) first = got;
      if (got != first) shared->found[nondeterministic] = true;
      for (std::size_t i = 0; i < got.size(); ++i)
        if (want[i]) compare(kernel, got[i], *want[i]);
    }
}

void judge_all(const Plugin& plugin, const Plugin& healthy) {
  // Values exact in every format, so that what is compared is the kernel alone.
  const std::vector<double> specials{0.0,   -0.0, infinity, -infinity, std::nan(""), 1,   -1,   9,
                                     -9,    15,   20.5,     89,        100,          -88, -100, 0.25,
                                     -0.25, 2,    0x1p-20,  0x1p-130,  -0x1p-20,     12,  3.5,  -3.5,
                                     448,   -448, 0x1p-14,  0x1p-16,   -0x1p-130};
  std::mt19937 random(7);
  const auto some = [&](std::size_t n) {
    std::vector<double> values(n);
    for (double& v : values)
      v = std::ldexp(static_cast<double>(random() % 129) - 64, -static_cast<int>(random() % 8));
    return values;
  };
  for (const karat_kernel* kernel : plugin.kernels()) {
    const std::string_view op = kernel->op;
    const bool backward = op.find("backward") != op.npos;
    const auto with_gradient = [&](std::vector<double> x) {
      std::vector<std::vector<double>> inputs;
      if (backward) inputs.push_back(std::vector<double>(x.size(), 1.5));
      inputs.push_back(std::move(x));
      return inputs;
    };
    if (op.find("softmax") != op.npos) {
      for (std::int64_t axis : {0, 1}) {
        const Attributes a{.axis = axis};
        judge(healthy, *kernel, {4, 6}, {some(24)}, a);
        judge(healthy, *kernel, {1, 8}, {some(8)}, a);
        judge(healthy, *kernel, {2, 2}, {{-1e4, -1e4, -1e4, -1e4}}, a);
        judge(healthy, *kernel, {2, 2}, {{89, 1, 2, 100}}, a);
        judge(healthy, *kernel, {2, 2}, {{-infinity, 1, -infinity, -infinity}}, a);
        judge(healthy, *kernel, {2, 2}, {{infinity, 1, std::nan(""), 3}}, a);
        judge(healthy, *kernel, {0, 3}, {{}}, a);
      }
      continue;
    }
    const std::vector<double> alphas =
        op.starts_with("leaky_relu") ? std::vector{0.25, 2.0} : std::vector{0.25};
    for (double alpha : alphas) {
      judge(healthy, *kernel, {static_cast<std::int64_t>(specials.size())}, with_gradient(specials),
            {.alpha = alpha});
      for (std::int64_t n : {0, 1, 7, 8, 9, 64, 64, 64})
        judge(healthy, *kernel, {n}, with_gradient(some(static_cast<std::size_t>(n))), {.alpha = alpha});
      judge(healthy, *kernel, {3, 5}, with_gradient(some(15)), {.alpha = alpha});
    }
    if (format_of(kernel->dtype).bytes == 2) {
      // All patterns, NaN payloads as they are.
      Call call(*kernel, {65536}), control(*healthy.kernel(kernel->op, kernel->dtype), {65536});
      for (std::int64_t i = 0; i < 65536; ++i) {
        call.set_bits(0, i, static_cast<std::uint64_t>(i));
        control.set_bits(0, i, static_cast<std::uint64_t>(i));
      }
      if (call.run() != KARAT_OK || control.run() != KARAT_OK) std::abort();
      for (std::int64_t i = 0; i < 65536; ++i) compare(*kernel, call.bits(1, i), control.get(1, i));
    }
  }
}

[[noreturn]] void child(const std::filesystem::path& file) {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGABRT, SIGFPE, SIGTRAP}) sigaction(signal, &action, nullptr);
#ifndef KARAT_SANITIZE
  const rlimit limit{std::size_t{1} << 30, std::size_t{1} << 30};
  setrlimit(RLIMIT_AS, &limit);
#endif
  {
    const Plugin plugin(file), healthy(directory / "healthy.so");
    plugin.expected_verdict().copy(shared->expected, sizeof shared->expected - 1);
    judge_all(plugin, healthy);
  }
  shared->finished = true;
  _exit(0);
}

// What the plugin showed, and what it says that it shows.
std::pair<std::set<std::string>, std::string> try_out(const std::filesystem::path& file) {
  *shared = {};
  const pid_t pid = fork();
  if (pid == 0) child(file);
  int status = 0;
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::seconds(file.stem() == "hangs" ? 1 : 60);
  while (waitpid(pid, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      shared->found[hung] = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::set<std::string> found;
  for (std::size_t i = 0; i < finding_count; ++i)
    if (shared->found[i]) found.insert(finding_names[i]);
  // It left the process, and neither a fault nor this test made it.
  if (!shared->finished && found.empty()) found.insert("protocol_violation");
  return {found, shared->expected};
}

}  // namespace

TEST_CASE("each broken plugin shows the verdict that it names, and no other") {
  shared = static_cast<Shared*>(
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  REQUIRE(static_cast<void*>(shared) != MAP_FAILED);
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".so") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() >= 21);
  // Right results and nothing that this judge sees: what they leave behind is seen from a worker.
  const std::set<std::string> seen_by_the_worker{"exports_clock", "exports_malloc", "leaves_signal_handler", "leaves_threads", "narrows_affinity"};
  // They answer from memory, or later than this judge looks, or differently in calls that it does not make, break
  // a law between calls, or compute in a narrower type as they say: that takes the calls of the real one.
  const std::set<std::string> seen_by_the_judge{"cached_by_address", "cached_by_samples", "cached_without_attributes", "declares_half_arithmetic", "deferred_result",
                                                "depends_on_position", "depends_on_threads", "leaves_range", "previous_result", "scratch_of_one_thread_less"};
  for (const auto& file : files) {
#ifdef KARAT_SANITIZE
    if (file.stem() == "allocates_without_end") continue;  // no limit on a sanitizer's address space
#endif
    if (seen_by_the_judge.contains(file.stem())) continue;
    const auto [found, expected] = try_out(file);
    INFO(file.stem().string());
    if (seen_by_the_worker.contains(file.stem())) {
      CHECK(found.empty());
      CHECK((expected == "protocol_violation" || file.stem() == "narrows_affinity"));
      CHECK(shared->calls > 50);
      continue;
    }
    CHECK(found == (expected == "pass" ? std::set<std::string>{} : std::set<std::string>{expected}));
    CHECK((expected != "pass" || shared->calls > 50));
  }
}

TEST_CASE("the healthy plugin computes every forward operator in every dtype") {
  const Plugin healthy(directory / "healthy.so");
  REQUIRE(healthy->kernel_count == 12 * 4);
  for (const karat_kernel* row : healthy.kernels())
    for (bool strided : {false, true})
      for (std::int64_t axis : {0, 1, 2}) {
        INFO(row->op << " dtype " << row->dtype);
        CHECK(disagreement(*row, {3, 4, 5}, {.beta = 2, .threshold = 3, .axis = axis},
                           {.strided = strided}) == "");
      }
}

TEST_CASE("the healthy plugin computes in place") {
  const Plugin healthy(directory / "healthy.so");
  for (const karat_kernel* row : healthy.kernels())
    CHECK(disagreement(*row, {5, 7}, {.axis = 1}, {.in_place = true}) == "");
}

TEST_CASE("the healthy plugin rounds once, to nearest even, in both 16-bit formats") {
  const Plugin healthy(directory / "healthy.so");
  for (std::int32_t dtype : {KARAT_F16, KARAT_BF16}) {
    const Format f = format_of(dtype);
    // alpha times x falls on and beside the middle of two values, among subnormals, and
    // beyond the largest value.
    for (double alpha :
         {1.0, 0.5, 1.5, 1 + 0x1p-11, 1 + 0x1p-8, 1 - 0x1p-12, 0x1.000002p0, 0x1.8p-10, 3.0, 0x1p-20}) {
      Call call(*healthy.kernel("leaky_relu", dtype), {32768}, {.alpha = alpha});
      for (std::int64_t i = 0; i < 32768; ++i) call.set_bits(0, i, static_cast<std::uint64_t>(i | 0x8000));
      REQUIRE(call.run() == KARAT_OK);
      int wrong = 0;
      for (std::int64_t i = 0; i < 32768; ++i) {
        const double x = decode16(static_cast<std::uint16_t>(i | 0x8000), f);
        if (std::isnan(x))
          wrong += !std::isnan(call.get(1, i));
        else
          wrong += call.bits(1, i) != nearest16(alpha * x, f);
      }
      INFO("dtype " << dtype << " alpha " << alpha);
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("the plugins that cannot be loaded as they are have their one fault each") {
  const std::filesystem::path load = directory / "load";
  CHECK(Plugin(load / "wrong_major.so")->abi_major == 99);
  CHECK(Plugin(load / "newer_minor.so")->abi_minor > KARAT_ABI_MINOR);
  CHECK(Plugin(load / "lists_nothing.so")->kernel_count == 0);
  CHECK_THROWS_WITH(Plugin(load / "no_symbol.so"), Catch::Contains("has no karat_plugin_entry"));
  CHECK_THROWS_WITH(Plugin(load / "null_entry.so"), Catch::Contains("cannot run here"));
  for (const char* name : {"unknown_op", "unknown_dtype", "prints"}) {
    const Plugin plugin(load / (std::string(name) + ".so"));
    INFO(name);
    CHECK(plugin->kernel_count == (std::string(name) == "prints" ? 1 : 2));
    CHECK(disagreement(*plugin.kernel("relu", KARAT_F32), {9}) == "");
  }
  CHECK(Plugin(load / "unknown_op.so").kernel("frobnicate", KARAT_F32) != nullptr);
  CHECK(Plugin(load / "unknown_dtype.so").kernel("relu", 77) != nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);
    const Plugin plugin(load / "crash_in_entry.so");
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(WIFSIGNALED(status));
}
