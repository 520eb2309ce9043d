// SPDX-License-Identifier: MIT
// What cannot be loaded says so: what, where, what to do.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "plugins/host/testing/calls.hpp"

using namespace karat::host;
using namespace karat::host::testing;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
namespace fs = std::filesystem;

namespace {

// The text of the LoadError, or "loaded".
std::string load_error(const std::string& file, Limits limits = {}) {
  try {
    Worker worker(file, limits);
    return "loaded";
  } catch (const LoadError& error) {
    return error.text;
  }
}

// A file with this content in a directory that goes away.
class Scratch {
 public:
  Scratch() : directory_(fs::temp_directory_path() / ("karat-load-" + std::to_string(getpid()))) {
    fs::create_directories(directory_);
  }
  ~Scratch() { fs::remove_all(directory_); }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(directory_ / name, std::ios::binary) << content;
    return (directory_ / name).string();
  }
  std::string directory() const { return directory_.string(); }

 private:
  fs::path directory_;
};

std::string content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("a good plugin loads, and says what it is") {
  const Worker worker(plugin("behaves"));
  CHECK(worker.info().name == "behaves");
  CHECK(worker.info().version == "1.2.3");
  CHECK(worker.info().description == "for the host's tests");
  CHECK(worker.info().abi_major == KARAT_ABI_MAJOR);
  CHECK(worker.info().abi_minor == KARAT_ABI_MINOR);
  CHECK(worker.info().warnings.empty());
  CHECK(worker.info().expected_verdict.empty());
  CHECK(worker.path() == plugin("behaves"));
  CHECK(worker.restarts() == 0);
  const KernelRow& copy = worker.info().kernels.at(0);
  CHECK(copy.index == 0);
  CHECK(copy.op == "relu");
  CHECK(copy.kernel == "copy");
  CHECK(copy.claim == "exact");
  CHECK(copy.dtype == KARAT_F32);
  CHECK(copy.compute_dtype == KARAT_F64);
  CHECK(copy.has(KARAT_STRIDED));
  CHECK_FALSE(copy.has(KARAT_IN_PLACE));
  CHECK(worker.info().kernels.at(static_cast<std::size_t>(kernel(worker, "over_reads"))).over_read == 16);
}

TEST_CASE("an unknown dtype is passed on to the judge") {
  const Worker worker(plugin("behaves"));
  CHECK(worker.info().kernels.at(static_cast<std::size_t>(kernel(worker, "declines"))).dtype == 4711);
}

TEST_CASE("the expected verdict of a plugin is read from its extension") {
  CHECK(Worker(plugin("throws")).info().expected_verdict == "crashed");
}

TEST_CASE("a relative path loads too") {
  const fs::path relative = fs::relative(plugin("behaves"));
  CHECK(load_error(relative.string()) == "loaded");
}

TEST_CASE("a file that is missing, a directory, or a device is named so") {
  CHECK_THAT(load_error("/nowhere/mylib.so"),
             StartsWith("/nowhere/mylib.so: ") && Contains("no such file") && Contains("bundled"));
  CHECK_THAT(load_error(Scratch().directory() + "/.."), Contains("is a directory"));
  CHECK_THAT(load_error("/dev/null"), Contains("is no regular file"));
}

TEST_CASE("a file that is not ELF is called what it seems to be") {
  const Scratch scratch;
  CHECK_THAT(load_error(scratch.file("a.so", "")),
             Contains("is empty") && Contains("expected a shared object"));
  CHECK_THAT(load_error(scratch.file("b.so", "version https://git-lfs\nmore")),
             Contains("a text file that begins 'version https://git-lfs'"));
  CHECK_THAT(load_error(scratch.file("c.py", "import numpy\n")),
             Contains("Python plugins are not supported by this version"));
  CHECK_THAT(load_error(scratch.file("d", "#!/usr/bin/env python3\n")), Contains("is a Python file"));
  CHECK_THAT(load_error(scratch.file("e.so", "!<arch>\nfoo")), Contains("static library"));
  CHECK_THAT(load_error(scratch.file("f.dll", "MZ\x90")), Contains("Windows"));
  CHECK_THAT(load_error(scratch.file("g.so", "\xcf\xfa\xed\xfe\x07")), Contains("macOS"));
  CHECK_THAT(load_error(scratch.file("h.so", std::string("\0\1\2\3", 4))), Contains("binary data"));
}

TEST_CASE("an ELF file of another kind or machine is refused by name") {
  const Scratch scratch;
  const std::string good = content_of(plugin("behaves"));
  const auto with = [&](std::size_t at, char value) {
    std::string changed = good;
    changed[at] = value;
    return scratch.file("changed.so", changed);
  };
  CHECK_THAT(load_error(scratch.file("short.so", good.substr(0, 20))), Contains("cut short"));
  CHECK_THAT(load_error(with(18, '\x28')), Contains("is built for 32-bit Arm") && Contains("rebuild it"));
  CHECK_THAT(load_error(with(4, 1)), Contains("another word size"));
  CHECK_THAT(load_error(with(5, 2)), Contains("byte order"));
  CHECK_THAT(load_error(with(16, 1)), Contains("object file") && Contains("-shared"));
  CHECK_THAT(load_error(with(16, 2)), Contains("is a program"));
  CHECK_THAT(load_error(with(16, 4)), Contains("no shared object"));
  CHECK_THAT(load_error(scratch.file("half.so", good.substr(0, 4000))),
             Contains("cut short: 4000 bytes") && Contains("copy or link it again"));
}

TEST_CASE("a library that misses a symbol is refused in the loader's words") {
  CHECK_THAT(load_error(plugin("undefined_symbol")),
             Contains("the loader refuses it") && Contains("karat_no_such_function") && Contains("ldd"));
}

TEST_CASE("a library without the entry symbol is told which one to export") {
  CHECK_THAT(load_error(plugin("no_symbol")),
             StartsWith(plugin("no_symbol") + ": exports no symbol 'karat_plugin_entry'"));
}

TEST_CASE("an entry function that returns NULL is reported with what it printed") {
  CHECK_THAT(load_error(plugin("null_entry")),
             Contains("returned NULL") && Contains("needs a Karat-9000 accelerator"));
}

TEST_CASE("a plugin of another ABI version is told both versions") {
  CHECK_THAT(load_error(plugin("newer_major")),
             Contains("ABI 2.0, this Karat speaks 1.0") && Contains("use a newer Karat"));
  CHECK_THAT(load_error(plugin("older_major")), Contains("ABI 0.0") && Contains("rebuild it"));
  CHECK_THAT(load_error(plugin("newer_minor")), Contains("ABI 1.1") && Contains("use a newer Karat"));
}

TEST_CASE("structs that are too small are refused") {
  CHECK_THAT(load_error(plugin("tiny_plugin")), Contains("struct_size 4, expected"));
  CHECK_THAT(load_error(plugin("small_plugin")), Contains("too small to hold the function 'kernel'"));
  CHECK_THAT(load_error(plugin("small_row")), Contains("kernel row 0 has struct_size"));
}

TEST_CASE("a plugin that lists nothing, or absurdly much, is refused") {
  CHECK_THAT(load_error(plugin("lists_nothing")), Contains("lists nothing: kernel_count is 0"));
  CHECK_THAT(load_error(plugin("lists_too_much")), Contains("lists 2147483647 kernels, expected at most"));
}

TEST_CASE("NULL where a row or a text belongs is named") {
  CHECK_THAT(load_error(plugin("null_name")), Contains("name NULL"));
  CHECK_THAT(load_error(plugin("null_kernel_function")), Contains("'kernel' NULL"));
  CHECK_THAT(load_error(plugin("null_row")), Contains("kernel row 0 is NULL"));
  CHECK_THAT(load_error(plugin("null_op")), Contains("kernel row 0 has op NULL"));
  CHECK_THAT(load_error(plugin("null_kernel_name")), Contains("(op 'relu') has kernel NULL"));
  CHECK_THAT(load_error(plugin("null_run")), Contains("has run NULL"));
}

TEST_CASE("a crash while loading names signal and place", "[crashes]") {
  CHECK_THAT(load_error(plugin("crash_constructor")), Contains("died of SIGSEGV while being loaded"));
  CHECK_THAT(load_error(plugin("crash_entry")), Contains("died of SIGABRT in karat_plugin_entry()"));
}

TEST_CASE("a plugin that exits, hangs or writes garbage while loading is refused", "[crashes]") {
  CHECK_THAT(load_error(plugin("exit_entry")), Contains("exit code 3 in karat_plugin_entry()"));
  CHECK_THAT(load_error(plugin("garbage_entry")), Contains("no answer to the worker's control channel"));
  Limits limits;
  limits.load_time = std::chrono::milliseconds(300);
  CHECK_THAT(load_error(plugin("hang_entry"), limits),
             Contains("did not return within 300 ms in karat_plugin_entry()"));
}

TEST_CASE("a plugin that eats memory while loading is refused", "[crashes]") {
  Limits limits;
  limits.memory_bytes = std::size_t{64} << 20;
  CHECK_THAT(load_error(plugin("hog_entry"), limits), Contains("the limit is 64 MiB"));
}

TEST_CASE("printing while loading is a warning") {
  const Worker worker(plugin("prints"));
  REQUIRE(worker.info().warnings.size() == 1);
  CHECK(worker.info().warnings[0] == "prints while loading: hello from the constructor\n");
}

TEST_CASE("changing the floating-point environment while loading is a warning") {
  Worker worker(plugin("changes_fp"));
  REQUIRE(worker.info().warnings.size() == 1);
#if defined(__x86_64__)
  CHECK_THAT(worker.info().warnings[0], Contains("FTZ off→on, DAZ off→on") && Contains("-ffast-math"));
#else
  CHECK_THAT(worker.info().warnings[0], Contains("rounding nearest→up"));
#endif
  // And it is restored: the call itself is not blamed.
  CallSpec call;
  call.tensors = {tensor("y", KARAT_OUTPUT, 4)};
  worker.prepare(call);
  CHECK(worker.run(kPoison).fp_env_changed.empty());
}

TEST_CASE("texts of a plugin are cut and made printable, odd numbers passed on") {
  const Worker worker(plugin("odd_texts"));
  CHECK(worker.info().name == "\\x1b[31mred\\xff\\x0a");
  CHECK(worker.info().version == "1.0 é");
  CHECK(worker.info().description.size() == 1024);
  CHECK(worker.info().kernels.at(0).dtype == 99);
  CHECK(worker.info().kernels.at(0).over_read == -5);
  CHECK(worker.info().kernels.at(0).min_alignment == 3);
}
