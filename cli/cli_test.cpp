// SPDX-License-Identifier: MIT
// The program as a user meets it: exit codes, messages, and no input that crashes it.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

#include "cli/command.hpp"
#include "cli/temporary.hpp"

using namespace karat::cli;
using Catch::Contains;

namespace {

std::string contents(const std::filesystem::path& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

// Runs the program with both outputs caught in a file.
struct Run {
  int code = -1;
  std::string text;
  explicit Run(const std::vector<std::string>& arguments) {
    const TemporaryFile file;
    std::fflush(stdout);
    std::fflush(stderr);
    const int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
    const int to = open(file.path().c_str(), O_WRONLY | O_TRUNC);
    dup2(to, STDOUT_FILENO);
    dup2(to, STDERR_FILENO);
    close(to);
    code = run(arguments);
    std::fflush(stdout);
    std::fflush(stderr);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    text = contents(file.path());
  }
};

// Runs the program in a process of its own and interrupts it when its record holds `awaited`.
struct InterruptedRun {
  int code = -1;
  std::string text, recorded;
  InterruptedRun(std::vector<std::string> arguments, const std::string& awaited) {
    const TemporaryFile file, record;
    arguments.insert(arguments.begin(), KARAT_BINARY_DIR "/bin/karat");
    arguments.insert(arguments.end(), {"--record", record.path().string()});
    std::vector<char*> argv;
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int to = open(file.path().c_str(), O_WRONLY | O_TRUNC);
      dup2(to, STDOUT_FILENO);
      dup2(to, STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    int status = 0;
    pid_t ended = 0;
    while (contents(record.path()).find(awaited) == std::string::npos && (ended = waitpid(child, &status, WNOHANG)) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (ended == 0) {
      kill(child, SIGINT);
      waitpid(child, &status, 0);
    }
    code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    text = contents(file.path());
    recorded = contents(record.path());
  }
};

std::string plugin(const std::string& name) { return std::string(KARAT_PLUGIN_DIR) + "/" + name + ".so"; }

}  // namespace

TEST_CASE("every sub-command has help with an example, and exit code 0") {
  for (const char* name : {"list", "check", "eval", "derive", "cases", "judge", "explain", "replay", "self-check", "bench", "report"}) {
    const Run r({name, "--help"});
    INFO(name << "\n" << r.text);
    CHECK(r.code == 0);
    CHECK_THAT(r.text, Contains("karat " + std::string(name)) && Contains("xample"));
  }
  CHECK(Run({"--help"}).code == 0);
  CHECK_THAT(Run({"--version"}).text, Contains("karat "));
}

TEST_CASE("exit codes follow the contract") {
  CHECK(Run({"check", plugin("template")}).code == 0);
  CHECK(Run({"check", plugin("broken/relu_loses_nan")}).code == 1);
  CHECK(Run({}).code == 2);
  CHECK(Run({"check", "--bogus"}).code == 2);
  CHECK(Run({"check", "nosuch"}).code == 3);
  CHECK(Run({"check", plugin("template"), "--dtype", "f64"}).code == 4);
  // Several hold: failed before not judged before nothing ran.
  CHECK(Run({"check", "nosuch", plugin("broken/relu_loses_nan")}).code == 1);
  CHECK(Run({"check", "nosuch", plugin("template")}).code == 3);
  CHECK(Run({"replay", "broken/relu_loses_nan relu f32 x=nan"}).code == 1);
  CHECK(Run({"replay", "template relu f32 x=nan"}).code == 0);
}

TEST_CASE("bench times what it is asked for, and refuses what it cannot") {
  const std::vector<std::string> quick{"--cache", "warm", "--bench-threads", "1", "--min-time", "0.005"};
  const auto bench = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "bench");
    arguments.insert(arguments.end(), quick.begin(), quick.end());
    return Run(arguments);
  };
  const Run sizes = bench({plugin("template"), "--size", "small,L1"});
  CHECK(sizes.code == 0);
  CHECK_THAT(sizes.text, Contains("relu f32, small") && Contains("relu f32, L1") && Contains("of limit") && Contains("beside: copy"));
  const Run calls = bench({plugin("template"), plugin("broken/relu_loses_nan"), "--call", "relu x=1000", "--call", "relu x=3x77"});
  CHECK(calls.code == 0);
  CHECK_THAT(calls.text, Contains("relu f32, x=1000") && Contains("relu f32, x=3x77") && Contains("template") && Contains("relu_loses_nan"));
  CHECK(bench({plugin("broken/zeros"), "--size", "L1"}).code == 1);
  CHECK(bench({plugin("template"), "--suite", "kernels"}).code == 4);  // no kernel of those operators
  CHECK_THAT(bench({plugin("template"), "--cache", "tepid"}).text, Contains("tepid") && Contains("cold"));
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{"--repetitions", "3"}, {"--call", "nosuchop x=4"}, {"--call", "relu x=4", "--size", "L1"}, {"--size", "L7"},
                                                {"--suite", "check", "--call", "relu x=4"}, {"--suite", "sweep", "--size", "L1"}}) {
    std::vector<std::string> arguments{"bench", plugin("template")};
    arguments.insert(arguments.end(), wrong.begin(), wrong.end());
    CHECK(Run(arguments).code == 2);
  }
}

TEST_CASE("an interrupted bench says so, keeps what it timed, and does not say that nothing matched") {
  // Several sizes: after the first one's time there are others to be stopped in.
  const std::vector<std::string> slow{"bench", plugin("template"), "--cache", "warm", "--bench-threads", "1", "--min-time", "0.2", "--repetitions", "20"};
  const std::string timing = "\"type\":\"timing\"";
  for (const std::string& awaited : {std::string("\"type\":\"plugin\""), timing}) {
    const InterruptedRun r(slow, awaited);
    INFO(r.text << "\n" << r.recorded);
    CHECK(r.code == 3);
    CHECK_THAT(r.text, Contains("interrupted") && !Contains("nothing ran"));
    CHECK_THAT(r.recorded, Contains(awaited) && !Contains("exit_code"));
    if (awaited == timing) CHECK_THAT(r.text, Contains("relu f32, small"));
  }
}

TEST_CASE("mistakes are named, with what was meant") {
  CHECK_THAT(Run({"chekc"}).text, Contains("did you mean check"));
  CHECK_THAT(Run({"check", "template", "--op", "reluu"}).text, Contains("did you mean relu"));
  CHECK_THAT(Run({"check", "template", "--op", "nothing*"}).text, Contains("matches no operator"));
  CHECK_THAT(Run({"check", "template", "--dtype", "f33"}).text, Contains("did you mean f32"));
  CHECK_THAT(Run({"check", "template", "--level", "faithfull"}).text, Contains("did you mean faithful"));
  CHECK_THAT(Run({"check", "template", "--time", "soon"}).text, Contains("30s"));
  CHECK_THAT(Run({"check", "template", "--shard", "3/2"}).text, Contains("I/N"));
  CHECK_THAT(Run({"check", "template", "--max-ulp", "-3"}).text, Contains("--max-ulp"));
  CHECK_THAT(Run({"check", "templat"}).text, Contains("did you mean"));
  CHECK_THAT(Run({"eval", "sigmoid", "one"}).text, Contains("expected a number"));
  CHECK_THAT(Run({"eval", "sigmoid", "1", "--digits", "0"}).text, Contains("1 to 1000"));
  CHECK_THAT(Run({"explain", "sofmax"}).text, Contains("did you mean softmax"));
  CHECK_THAT(Run({"replay", "template relu f32"}).text, Contains("missing"));
  CHECK_THAT(Run({"report", "/nowhere.jsonl"}).text, Contains("/nowhere.jsonl"));
  CHECK(Run({"report", "/nowhere.jsonl"}).code == 2);
}

TEST_CASE("plugins that cannot be used are named, and the others are still judged") {
  for (const char* name : {"wrong_major", "no_symbol", "lists_nothing", "null_entry", "crash_in_entry"}) {
    const Run r({"check", plugin(std::string("broken/load/") + name), plugin("template")});
    INFO(r.text);
    CHECK(r.code == 3);
    CHECK_THAT(r.text, Contains(name) && Contains("1 passed"));
  }
  const TemporaryFile text;
  std::ofstream(text.path()) << "not a shared object\n";
  const Run r({"check", text.path().string(), plugin("template")});
  CHECK(r.code == 3);
  CHECK_THAT(r.text, Contains("ELF") && Contains("1 passed"));
  const Run prints({"list", "plugins", plugin("broken/load/prints")});
  CHECK_THAT(prints.text, Contains("warning") && Contains("standard output"));
}

TEST_CASE("exact values are printed with as many digits as asked") {
  CHECK_THAT(Run({"eval", "sigmoid", "-0x1.0p+4", "--digits", "60"}).text,
             Contains("1.12535162055094990583521815803322969055936561436284879079313e-7"));
  CHECK(Run({"eval", "exp", "1", "--digits", "20", "--plain"}).text == "2.7182818284590452354e0\n");
  CHECK_THAT(Run({"eval", "sigmoid", "-inf"}).text, Contains("0x0p+0"));
  CHECK_THAT(Run({"eval", "softmax", "[0,0]"}).text, Contains("5.00000"));
  CHECK_THAT(Run({"eval", "sigmoid", "-1e300"}).text, Contains("f32"));
  CHECK_THAT(Run({"explain", "verdicts"}).text, Contains("out_of_bounds"));
  const std::string laws = Run({"explain", "laws"}).text;
  CHECK_THAT(laws, Contains("rows_sum_to: every row of results") && Contains("log_softmax, log_softmax_backward, log_softmax_backward_from_output, softmax, softmax_backward"));
  CHECK_THAT(Run({"explain", "tanh", "--at", "0x1p-3", "--dtype", "bf16"}).text, Contains("faithful   accepts 0x1.fcp-4 … 0x1.fep-4"));
}

TEST_CASE("gradients, derivatives and trajectories are printed, and their mistakes named") {
  CHECK_THAT(Run({"derive", "sigmoid"}).text, Contains("dy/dx = exp(-x)/(1 + exp(-x))^2"));
  CHECK_THAT(Run({"derive", "sigmoid", "--latex"}).text, Contains("\\frac{e^{-x}}{\\left(1 + e^{-x}\\right)^{2}}"));
  CHECK_THAT(Run({"derive", "mse_loss"}).text, Contains("dx[0] = dy*(x[0] - t[0])/3"));
  CHECK_THAT(Run({"derive", "tanh_backward"}).text, Contains("try `karat derive tanh`"));
  CHECK(Run({"derive", "--agreement", "s*"}).code == 0);
  CHECK(Run({"eval", "mse_loss", "x=2:[1,2]", "t=2:[0,0]", "--grad", "--plain", "--digits", "5"}).text == "1.0000e0\n2.0000e0\n-1.0000e0\n-2.0000e0\n");
  CHECK(Run({"eval", "exp", "1", "--grad", "--plain", "--digits", "30"}).text == "2.71828182845904523536028747135e0\n");
  CHECK_THAT(Run({"eval", "zeros", "z=2:[1,2]", "--grad"}).text, Contains("zeros has no gradient"));
  const Run path({"eval", "newton", "--steps", "1", "--on", "linear_regression", "--digits", "10", "--plain"});
  CHECK(path.code == 0);
  CHECK(path.text == "0  0\n1  2.010416667\n");
  CHECK_THAT(Run({"eval", "adam", "--steps", "2", "--on", "rosenbrok"}).text, Contains("did you mean rosenbrock"));
  CHECK_THAT(Run({"eval", "relu", "--steps", "2"}).text, Contains("relu is no optimizer"));
  CHECK_THAT(Run({"eval", "adam", "--steps", "2", "eta=nan"}).text, Contains("attribute eta of adam is outside its domain"));
  CHECK_THAT(Run({"eval", "normal", "z=1:[1]"}).text, Contains("has no standard value: a call must say sigma="));
  CHECK_THAT(Run({"list", "ops", "--all"}).text, Contains("(54)") && Contains("algorithm 1"));
}

TEST_CASE("each bad call of an operator on tensors says what, expected and got") {
  const auto refusal = [](std::vector<std::string> words) {
    words.insert(words.begin(), "eval");
    const Run r(words);
    CHECK(r.code == 2);
    return r.text;
  };
  CHECK_THAT(refusal({"mse_loss", "x=2:[1,2]", "t=3:[0,0,0]"}), Contains("input t of mse_loss: expected shape (2), got (3)"));
  CHECK_THAT(refusal({"conv2d", "x=1x1x3x3:[1*9]", "w=1x1x2x2:[1*4]", "stride=[0,1]"}), Contains("stride") && Contains("got 0"));
  CHECK_THAT(refusal({"conv2d", "x=1x1x3x3:[1*9]", "w=1x1x2x2:[1*4]", "stride=[-1,1]"}), Contains("got -1"));
  CHECK_THAT(refusal({"conv2d", "x=1x1x2x2:[1*4]", "w=1x1x5x5:[1*25]"}), Contains("5"));
  CHECK_THAT(refusal({"conv2d", "x=1x1x2x2:[1*4]", "w=1x1x2x2:[1*4]", "padding=[9223372036854775807,0,0,0]"}), Contains("padding") || Contains("64 bits"));
  CHECK_THAT(refusal({"softmax_cross_entropy", "x=1x3:[1,2,3]", "t=1:[3]"}), Contains("expected a class from 0 to 2") && Contains("got 3"));
  CHECK_THAT(refusal({"cross_entropy", "t=1x2:[1,0]", "p=1x2:[1.5,0]"}), Contains("input p") && Contains("1.5"));
  CHECK_THAT(refusal({"l1_penalty", "theta=2:[1,2]", "lambda=nan"}), Contains("lambda"));
  CHECK_THAT(refusal({"newton", "theta=2:[1,2]", "g=2:[1,2]", "H=2x3:[1*6]"}), Contains("input H of newton: expected shape (2, 2), got (2, 3)"));
  CHECK_THAT(refusal({"newton", "theta=2:[1,2]", "g=2:[1,2]", "H=2x2:[1,2,2,1]"}), Contains("positive definite"));
}

TEST_CASE("cases are written, evaluated and judged; a folder that is there is kept") {
  const TemporaryFile file;
  const std::string folder = file.path().string() + ".cases";
  REQUIRE(Run({"cases", "--op", "softmax", "--dtype", "f32", "--count", "2", "-o", folder}).code == 0);
  const std::string one = folder + "/softmax-f32-0";
  CHECK_THAT(Run({"judge", one}).text, Contains("y.npy: there is no such file"));
  CHECK(Run({"judge", one}).code == 3);
  REQUIRE(Run({"eval", one, "--digits", "20"}).code == 0);
  std::filesystem::rename(one + "/y.exact.npy", one + "/y.npy");
  const Run judged({"judge", one, "--level", "exact"});
  CHECK(judged.code == 0);
  CHECK_THAT(judged.text, Contains("PASS  softmax-f32-0"));
  CHECK_THAT(Run({"cases", "--op", "softmax", "--dtype", "f32", "--count", "2", "-o", folder}).text, Contains("is there already; nothing was written"));
  const Run without({"judge", one, "--profile", "tosa-1.0"});
  CHECK(without.code == 4);
  CHECK_THAT(without.text, Contains("SKIP") && Contains("has no rule for softmax"));
  CHECK(Run({"judge", one, "--profile", "webnn"}).code == 0);
  {  // zeros where probabilities belong
    std::fstream data(one + "/y.npy", std::ios::in | std::ios::out | std::ios::binary);
    data.seekp(-64, std::ios::end);
    data << std::string(64, '\0');
  }
  CHECK(Run({"judge", one, "--profile", "webnn"}).code == 1);
  CHECK(Run({"judge"}).code == 2);
  CHECK(Run({"judge", "--onnx", "/nowhere"}).code == 2);
  std::filesystem::remove_all(folder);
}

TEST_CASE("profiles and waivers decide the exit code, and their mistakes name line and column") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("karat-waivers-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto file = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name) << text;
    return (folder / name).string();
  };
  const std::string bad = plugin("broken/relu_loses_nan");
  const auto waiver = [](const char* op, const char* date) {
    return std::string("[[waiver]]\nop = \"") + op + "\"\nkernel = \"*\"\nreason = \"known\"\nowner = \"ana\"\nexpires = " + date + "\n";
  };
  CHECK(Run({"check", bad, "--quiet"}).code == 1);
  const Run waived({"check", bad, "--waivers", file("good.toml", waiver("relu", "2999-01-01"))});
  CHECK(waived.code == 0);
  CHECK_THAT(waived.text, Contains("waived: known (ana, until 2999-01-01)") && Contains("1 of 1 kernels that fail are waived"));
  const Run expired({"check", bad, "--waivers", file("old.toml", waiver("relu", "2020-01-01"))});
  CHECK(expired.code == 1);
  CHECK_THAT(expired.text, Contains("expired on 2020-01-01"));
  const Run stale({"check", "template", "--waivers", file("stale.toml", waiver("re*", "2999-01-01"))});
  CHECK(stale.code == 1);
  CHECK_THAT(stale.text, Contains("matches no failure any more"));
  CHECK(Run({"check", "template", "--waivers", file("other.toml", waiver("tanh", "2999-01-01"))}).code == 0);  // not judged here
  const Run wrong({"check", "template", "--waivers", file("wrong.toml", "[[waiver]]\nop = 3\n")});
  CHECK(wrong.code == 2);
  CHECK_THAT(wrong.text, Contains("wrong.toml:2:6"));
  CHECK(Run({"check", "template", "--waivers", (folder / "none.toml").string()}).code == 2);

  // What stops early may fail elsewhere, whatever is waived of it.
  const Run crashes({"check", plugin("broken/crashes"), "--waivers", file("all.toml", waiver("*", "2999-01-01"))});
  CHECK(crashes.code == 3);
  CHECK_THAT(crashes.text, Contains("could not be judged to the end") && Contains("stopped after"));

  for (const char* flag : {"--level", "--profile", "--waivers"}) CHECK(Run({"check", "template", flag, ""}).code == 2);
  CHECK_THAT(Run({"check", "template", "--waivers", ""}).text, Contains("--waivers: expected a file of waivers, got an empty name"));
  CHECK(Run({"check", "template", "--max-ulp", "-1"}).code == 2);

  CHECK(Run({"check", "template", "--profile", "webnn"}).code == 0);
  const Run none({"check", "broken/log1p_by_addition", "--profile", "webnn"});
  CHECK(none.code == 4);
  CHECK_THAT(none.text, Contains("has no rule for log1p"));
  CHECK(Run({"check", "template", "--profile", "webn"}).code == 2);
  CHECK(Run({"check", "template", "--profile", "webnn", "--level", "exact"}).code == 2);
  CHECK_THAT(Run({"check", "template", "--profile", file("mine.toml", "name = \"m\"\ndescription = \"d\"\nbase = \"gold\"\n")}).text, Contains("mine.toml:3:8"));
  CHECK_THAT(Run({"list", "profiles"}).text, Contains("torch-assert-close") && Contains("flush_subnormal_inputs"));
  std::filesystem::remove_all(folder);
}

TEST_CASE("the line that a failure prints replays as it stands, for a plugin named by a path with blanks too") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("karat plugins " + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(std::filesystem::path(KARAT_PLUGIN_DIR) / "broken" / "relu_loses_nan.so", folder / "mine.so", std::filesystem::copy_options::overwrite_existing);
  for (const std::string& name : {(folder / "mine.so").string(), std::string("broken/relu_loses_nan")}) {
    const std::string text = Run({"check", name}).text;
    const std::string begin = "replay: karat replay '";
    const std::size_t from = text.find(begin);
    REQUIRE(from != std::string::npos);
    const std::string line = text.substr(from + begin.size(), text.find('\'', from + begin.size()) - from - begin.size());
    INFO(line);
    const Run again({"replay", line});
    CHECK(again.code == 1);
    CHECK_THAT(again.text, Contains("FAIL"));
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("a failure that is too large for a line becomes a case folder that replays") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("karat cases " + std::to_string(getpid()));  // with blanks
  const Run r({"check", "broken/depends_on_position", "--failures", folder.string()});
  CHECK(r.code == 1);
  const Run by_folder({"cases", "--op", "sigmoid", "--dtype", "f32", "-o", (folder / "made").string()});
  CHECK(by_folder.code == 0);
  for (const auto& entry : std::filesystem::directory_iterator(folder / "made")) {
    std::string path = entry.path().string();
    for (std::size_t at = 0; (at = path.find(' ', at)) != std::string::npos; at += 3) path.replace(at, 1, "%20");
    const Run replayed({"replay", "libm tanh f32 case=folder:" + path});
    CHECK(replayed.code == 2);  // of another operator
    CHECK_THAT(replayed.text, Contains("holds a case of sigmoid"));
    CHECK(Run({"replay", "native sigmoid f32 kernel=exp_ratio_exact case=folder:" + path}).code == 0);
    break;
  }
  CHECK(Run({"replay", "native sigmoid f32 kernel=exp_ratio_exact case=folder:/nonexistent"}).code == 2);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a record of a check is read back into every format") {
  const TemporaryFile record;
  CHECK(Run({"check", plugin("template"), "--record", record.path().string(), "--quiet"}).code == 0);
  for (const char* format : {"console", "markdown", "junit", "html", "json"}) {
    const Run r({"report", record.path().string(), "--format", format});
    CHECK(r.code == 0);
    CHECK_THAT(r.text, Contains("template"));
  }
  std::ofstream(record.path(), std::ios::app) << "{broken\n";
  const Run r({"report", record.path().string()});
  CHECK(r.code == 2);
  CHECK_THAT(r.text, Contains(record.path().string() + ":5:") && Contains("expected one JSON object"));
}

TEST_CASE("twenty thousand mutated command lines end in an exit code") {
  // No plugin among them exists, so nothing long runs and no file is written.
  const std::vector<std::vector<std::string>> seeds{
      {"check", "nosuch", "--op", "soft*", "--dtype", "f32,bf16", "--seed", "3", "--quiet"},
      {"check", "nosuch", "--level", "faithful", "--time", "30s", "--shard", "2/5", "--threads", "2"},
      {"eval", "sigmoid", "-0x1.0p+4", "--digits", "60"},
      {"eval", "leaky_relu_backward", "dy=1", "x=-2", "alpha=0.25", "--dtype", "f32"},
      {"explain", "tanh", "--at", "0x1p-3", "--dtype", "bf16"},
      {"replay", "nosuch softmax bf16 shape=2x3 x=[0x1p+0,-inf*2,0x0p+0*3] axis=1"},
      {"report", "nosuch.jsonl", "--format", "console"},
      {"list", "kernels", "nosuch"},
      {"bench", "nosuch", "--size", "L1", "--min-time", "0.1"}};
  const std::string alphabet = "0123456789abcdefpx+-.*,=[]: \t\"'/%s\xff\x01inf";
  std::mt19937_64 random(4);
  int codes[5] = {};
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::string> arguments = seeds[random() % seeds.size()];
    for (std::uint64_t edits = 1 + random() % 3; edits-- > 0;) {
      const std::size_t which = 1 + random() % (arguments.size() - 1);
      std::string& word = arguments[which];
      if (word == "nosuch" || word == "nosuch.jsonl") continue;  // stays the plugin or file that there is not
      const std::size_t at = word.empty() ? 0 : random() % word.size();
      switch (random() % 4) {
        case 0: word.insert(at, 1, alphabet[random() % alphabet.size()]); break;
        case 1: word.erase(at, 1 + random() % 3); break;
        case 2: word = arguments[1 + random() % (arguments.size() - 1)]; break;
        default: word.append(1 + random() % 4, alphabet[random() % alphabet.size()]);
      }
      if (word.find("record") != std::string::npos || word.find("report") != std::string::npos || word == "-o") word = "--op";
    }
    if (std::find(arguments.begin(), arguments.end(), "nosuch") == arguments.end() && arguments[0] != "eval" && arguments[0] != "explain" &&
        arguments[0] != "replay" && arguments[0] != "report")
      arguments.emplace_back("nosuch");
    const Run r(arguments);
    REQUIRE(r.code >= 0);
    REQUIRE(r.code <= 4);
    ++codes[r.code];
  }
  CHECK(codes[0] > 100);
  CHECK(codes[2] > 5'000);
  CHECK(codes[3] > 100);
}
