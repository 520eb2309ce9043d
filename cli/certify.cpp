// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

#include "cli/command.hpp"
#include "properties/nearest.hpp"
#include "properties/sweep/certification.hpp"

namespace karat::cli {
namespace {

using properties::Certification;

struct Options {
  std::vector<std::string> ops;
  std::string dtype = "f32", state, write;
  int threads = 0;
};

std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &parts);
  return text;
}

// | operator | dtype | … |, one line an instruction set.
std::string rows(const Certification& c, const Format& f) {
  std::ostringstream out;
  for (const auto& [set, d] : c.certificate.deviations) {
    char numbers[400];
    std::snprintf(numbers, sizeof numbers, "%llu | %llu | %llu | %llu | %.3g | %s | %llu | %s | `%s` |\n", static_cast<unsigned long long>(c.certificate.inputs),
                  static_cast<unsigned long long>(c.certificate.pointwise), static_cast<unsigned long long>(c.certificate.ranged), static_cast<unsigned long long>(c.certificate.special),
                  d.ulps, d.ulps < 0 ? "none" : to_text(f, d.at).c_str(), static_cast<unsigned long long>(c.certificate.wrong), today().c_str(), properties::fast_tier_digest().c_str());
    out << "| " << c.op << (c.inputs.empty() ? "" : ", " + c.inputs) << " | " << c.dtype << " | " << set << " | " << numbers;
  }
  return out.str();
}

// Puts the rows of an operator in the place of its old ones, in the table of the file.
void write_table(const std::string& file, const Certification& c) {
  std::ifstream in(file);
  if (!in) throw UsageError("--write: " + file + " cannot be read; it must hold a table of certificates, as docs/certified.md does");
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  in.close();
  std::size_t table = lines.size();
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (lines[i].starts_with("|---")) table = i;
  if (table == lines.size()) throw UsageError("--write: " + file + " holds no table: expected a line that begins with |---");
  std::size_t end = table + 1;
  while (end < lines.size() && lines[end].starts_with("|")) ++end;
  std::vector<std::string> body(lines.begin() + static_cast<std::ptrdiff_t>(table) + 1, lines.begin() + static_cast<std::ptrdiff_t>(end));
  const std::string name = "| " + c.op + (c.inputs.empty() ? "" : ", " + c.inputs) + " | " + c.dtype + " |";
  std::erase_if(body, [&](const std::string& line) { return line.starts_with(name); });
  std::istringstream fresh(rows(c, *find_format(c.dtype)));
  for (std::string line; std::getline(fresh, line);) body.push_back(line);
  std::sort(body.begin(), body.end());
  std::ostringstream text;
  for (std::size_t i = 0; i <= table; ++i) text << lines[i] << "\n";
  for (const std::string& line : body) text << line << "\n";
  for (std::size_t i = end; i < lines.size(); ++i) text << lines[i] << "\n";
  const std::string beside = file + ".new";
  std::ofstream out(beside);
  out << text.str();
  out.close();
  if (!out || std::rename(beside.c_str(), file.c_str()) != 0) throw std::runtime_error(file + ": cannot be written");
}

int certify(const Options& options) {
  const Format* f = find_format(options.dtype);
  if (!f) throw UsageError(properties::unknown("dtype", options.dtype, properties::dtype_names()));
  if (f->width > 32) throw UsageError("--dtype: f64 has 2^64 inputs; certify takes f32, f16 or bf16");
  if (options.threads < 0 || options.threads > 1024) throw UsageError("--threads: expected 1 to 1024, got " + std::to_string(options.threads));
  std::vector<const Operator*> ops;
  for (const std::string& name : options.ops) {
    const Operator* op = find_operator(name);
    if (!op) throw UsageError(properties::unknown("operator", name, properties::operator_names()));
    if (op->series.empty()) throw UsageError(name + " has no fast tier: it is no function of one or two numbers");
    ops.push_back(op);
  }
  catch_interrupts();
  bool wrong = false, incomplete = false;
  for (const Operator* op : ops) {
    if (interrupted()) break;
    Progress progress;
    properties::CertifyOptions c;
    c.folder = options.state;
    c.threads = options.threads > 0 ? options.threads : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    c.stop = interrupted;
    std::uint64_t before = ~std::uint64_t{0};
    c.progress = [&](const Certification& now) {
      if (before == ~std::uint64_t{0}) before = now.done - 1;
      const double rate = static_cast<double>(now.done - before) / std::max(1e-9, now.seconds);
      char text[240];
      std::snprintf(text, sizeof text, "certify  %s %s  %.2f %%  %.2f M inputs/s  %llu wrong  %.0f s left", now.op.c_str(), now.dtype.c_str(),
                    100.0 * static_cast<double>(now.done) / static_cast<double>(now.all), rate * 0.262144, static_cast<unsigned long long>(now.certificate.wrong),
                    static_cast<double>(now.all - now.done) / std::max(1e-9, rate));
      progress.show(text);
    };
    const Certification result = properties::certify_operator(*op, *f, c);
    progress.clear();
    const auto& certificate = result.certificate;
    std::printf("%s %s  %s  %llu inputs: %llu enclosed one by one (%llu by the printed formula), %llu as ranges, %llu decided by the row  %.0f s\n", result.op.c_str(), result.dtype.c_str(),
                !result.complete() ? "not complete" : certificate.wrong ? "WRONG" : "certified", static_cast<unsigned long long>(certificate.inputs), static_cast<unsigned long long>(certificate.pointwise),
                static_cast<unsigned long long>(certificate.literal), static_cast<unsigned long long>(certificate.ranged), static_cast<unsigned long long>(certificate.special), result.seconds);
    for (const auto& [set, d] : certificate.deviations)
      std::printf("  %-7s off by at most %.3g ulp at %s; allowed %.3g\n", set.c_str(), d.ulps, d.ulps < 0 ? "none" : to_text(*f, d.at).c_str(), fast::Scale(*f).resolution);
    if (certificate.wrong > 0) std::printf("  %llu answers are wrong, the first at %s\n", static_cast<unsigned long long>(certificate.wrong), to_text(*f, certificate.wrong_at).c_str());
    std::fflush(stdout);
    wrong = wrong || certificate.wrong > 0;
    incomplete = incomplete || !result.complete();
    // Hours may lie between one operator and the next: each is written when it is done.
    if (result.holds() && !options.write.empty()) write_table(options.write, result);
  }
  if (interrupted()) std::fprintf(stderr, "karat: interrupted; %s\n", options.state.empty() ? "without --resume nothing was kept" : "the same command goes on");
  return exit_code(wrong, incomplete || interrupted(), !ops.empty());
}

}  // namespace

Command certify_command() {
  return {"certify", [](CLI::App& app, std::function<int()>& run) {
            auto options = std::make_shared<Options>();
            app.description("Compares the fast tier of the reference with its enclosures, at all inputs of an operator");
            app.footer(
                "Examples:\n"
                "  karat certify sqrt --dtype f16\n"
                "  karat certify sigmoid --resume certify/ --write docs/certified.md     hours; Ctrl-C, and the same command goes on");
            app.add_option("ops", options->ops, "Operators of one or two numbers")->required()->type_name("OP");
            app.add_option("--dtype", options->dtype, "f32 (default), f16 or bf16");
            app.add_option("--threads", options->threads, "How many (default: all)");
            app.add_option("--resume", options->state, "Keep what is done in DIR, and go on from it")->type_name("DIR");
            app.add_option("--write", options->write, "Put the rows of what is certified into the table of FILE.md")->type_name("FILE.md");
            run = [options] {
              try {
                return certify(*options);
              } catch (const properties::SweepError& e) {
                std::fprintf(stderr, "karat: %s\n", e.what());
                return static_cast<int>(not_judged);
              }
            };
          }};
}

}  // namespace karat::cli
