// SPDX-License-Identifier: MIT
#include "properties/sweep/certification.hpp"

#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#ifndef KARAT_FAST_DIGEST
#error "KARAT_FAST_DIGEST comes from the build"
#endif

namespace karat::properties {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int part_bits = 18;

std::string content_of(const Ranges& parts, const fast::Certificate& c) {
  Json json;
  json["parts"] = Json::array();
  for (const auto& r : parts.ranges()) json["parts"].push_back({r.from, r.to});
  json["counts"] = {c.inputs, c.pointwise, c.ranged, c.special, c.open, c.literal, c.wrong, c.wrong_at};
  json["deviations"] = Json::object();
  for (const auto& [set, d] : c.deviations) json["deviations"][set] = {d.ulps, d.at};
  return json.dump();
}

void read_content(const std::string& text, Ranges& parts, fast::Certificate& sum) {
  try {
    const Json json = Json::parse(text);
    fast::Certificate c;
    const Json& n = json.at("counts");
    std::size_t i = 0;
    for (std::uint64_t* count : {&c.inputs, &c.pointwise, &c.ranged, &c.special, &c.open, &c.literal, &c.wrong, &c.wrong_at}) *count = n.at(i++).get<std::uint64_t>();
    for (const auto& [set, d] : json.at("deviations").items()) c.deviations[set] = {d.at(0).get<double>(), d.at(1).get<Bits>()};
    for (const Json& r : json.at("parts")) parts.add(r.at(0).get<std::uint64_t>(), r.at(1).get<std::uint64_t>());
    sum.merge(c);
  } catch (const nlohmann::json::exception& e) {
    throw SweepError(std::string("is no certificate: ") + e.what());
  }
}

}  // namespace

std::string fast_tier_digest() { return KARAT_FAST_DIGEST; }

Certification certify_operator(const Operator& op, const Format& format, const CertifyOptions& options) {
  Certification result{.op = op.name, .dtype = std::string(format.name)};
  for (std::size_t t = 0; t + 1 < op.inputs.size(); ++t) result.inputs += (t ? ", " : "") + op.inputs[t].name + " = 1";
  const Identity identity{{"work", "certificate"}, {"op", op.name}, {"dtype", result.dtype}, {"inputs", result.inputs}, {"fast tier", fast_tier_digest()}};
  const std::string name = file_name("certify-" + op.name + "-" + result.dtype);
  const std::uint64_t of_one_sign = (format.max_finite() >> part_bits) + 1;
  result.all = 2 * of_one_sign;

  Ranges before;
  std::filesystem::path file;
  if (!options.folder.empty()) {
    for (const auto& old : state_files(options.folder, name)) {
      const State state = read_state(old);
      expect_same(identity, state.identity, old.string());
      try {
        read_content(state.content, before, result.certificate);
      } catch (const SweepError& e) {
        throw SweepError(old.string() + ": " + e.what());
      }
    }
  }
  result.done = before.count();

  Ranges mine;
  fast::Certificate sum;
  std::mutex mutex;
  std::atomic<std::uint64_t> next{options.first_part};
  const std::uint64_t end = std::min(result.all, options.parts > result.all ? result.all : options.first_part + options.parts);
  const auto begin = Clock::now();
  auto saved = begin;
  std::exception_ptr error;
  const auto save = [&] {
    if (options.folder.empty() || mine.ranges().empty()) return;
    if (file.empty()) file = new_state_file(options.folder, name);
    write_state(file, {identity, content_of(mine, sum)});
  };
  const auto work = [&] {
    const NumberCaches caches;
    try {
      fast::Line line(op, standard_attributes(op), format, op.inputs.size() - 1, std::vector<double>(op.inputs.size(), 1.0));
      while (!options.stop()) {
        const std::uint64_t part = next++;
        if (part >= end) return;
        if (before.holds(part)) continue;
        const bool negative = part >= of_one_sign;
        const Bits index = negative ? part - of_one_sign : part;
        const Bits from = std::max<Bits>(1, index << part_bits), to = std::min<Bits>(format.max_finite(), ((index + 1) << part_bits) - 1);
        const fast::Certificate c = fast::certify(line, format, negative, from, to);
        const std::scoped_lock lock(mutex);
        if (error) return;
        mine.add(part, part);
        sum.merge(c);
        Certification now = result;
        now.done += mine.count();
        now.certificate.merge(sum);
        now.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        options.progress(now);
        if (Clock::now() - saved > std::chrono::seconds(10)) {
          save();
          saved = Clock::now();
        }
      }
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int t = 1; t < options.threads; ++t) threads.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
  save();
  result.done += mine.count();
  result.certificate.merge(sum);
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return result;
}

}  // namespace karat::properties
