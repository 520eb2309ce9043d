// SPDX-License-Identifier: MIT
#include "properties/sweep/partial.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

namespace karat::properties {
namespace {

using Json = nlohmann::ordered_json;

// Doubles as their bits: merged partial results are the same bits.
Json of_double(double d) { return std::bit_cast<std::uint64_t>(d); }
double to_double(const Json& json) { return std::bit_cast<double>(json.get<std::uint64_t>()); }

Json json_of(const Worst& w) { return {of_double(w.ulps), w.at, w.got}; }
void read(const Json& json, Worst& w) { w = {to_double(json.at(0)), json.at(1).get<std::uint64_t>(), json.at(2).get<Bits>()}; }

Json json_of(const Errors& e) {
  std::size_t used = error_bins;
  while (used > 0 && e.bins[used - 1] == 0) --used;
  Json bins = Json::array();
  for (std::size_t k = 0; k < used; ++k) bins.push_back(e.bins[k]);
  return {{"bins", bins}, {"worst", json_of(e.worst)}};
}
void read(const Json& json, Errors& e) {
  const Json& bins = json.at("bins");
  if (bins.size() > error_bins) throw SweepError("a histogram of " + std::to_string(bins.size()) + " bins, expected at most " + std::to_string(error_bins));
  for (std::size_t k = 0; k < bins.size(); ++k) e.bins[k] = bins[k].get<std::uint64_t>();
  read(json.at("worst"), e.worst);
}

Json json_of(const Offences& o) {
  Json runs = Json::array();
  for (const auto& [chunk, list] : o.runs)
    for (const auto& run : list) runs.push_back({chunk, run.from, run.to, run.got});
  return {{"count", o.count}, {"worst", json_of(o.worst)}, {"cut", o.cut}, {"runs", runs}};
}
void read(const Json& json, Offences& o) {
  o.count = json.at("count").get<std::uint64_t>();
  read(json.at("worst"), o.worst);
  o.cut = json.at("cut").get<bool>();
  for (const Json& run : json.at("runs"))
    o.runs[run.at(0).get<std::uint64_t>()].push_back({run.at(1).get<std::uint64_t>(), run.at(2).get<std::uint64_t>(), run.at(3).get<Bits>()});
}

Json json_of(const std::map<std::uint64_t, Bits>& map) {
  Json list = Json::array();
  for (const auto& [chunk, bits] : map) list.push_back({chunk, bits});
  return list;
}
void read(const Json& json, std::map<std::uint64_t, Bits>& map) {
  for (const Json& entry : json) map[entry.at(0).get<std::uint64_t>()] = entry.at(1).get<Bits>();
}

// Named once, for writing and for reading.
template <class P, class F>
void each_count(P& p, const F& f) {
  f("inputs", p.inputs);
  f("outside", p.outside);
  f("special", p.special);
  f("finite", p.finite);
  f("rounded", p.rounded);
  f("escalated", p.escalated);
  f("undecided", p.undecided);
  f("errors", p.errors);
  f("by_budget", p.by_budget);
  f("other_zero", p.other_zero);
  f("hash", p.hash);
}

}  // namespace

void Ranges::add(std::uint64_t from, std::uint64_t to) {
  auto next = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& r) { return r.to >= from; });
  if (next != ranges_.end() && next->from <= to)
    throw SweepError("chunk " + std::to_string(std::max(from, next->from)) + " is there twice");
  next = ranges_.insert(next, {from, to});
  if (const auto after = next + 1; after != ranges_.end() && after->from == to + 1) {
    next->to = after->to;
    ranges_.erase(after);
  }
  if (next != ranges_.begin() && (next - 1)->to + 1 == next->from) {
    (next - 1)->to = next->to;
    ranges_.erase(next);
  }
}

bool Ranges::holds(std::uint64_t n) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& r) { return r.from <= n && n <= r.to; });
}

std::uint64_t Ranges::count() const {
  std::uint64_t n = 0;
  for (const Range& r : ranges_) n += r.to - r.from + 1;
  return n;
}

std::size_t error_bin(double ulps) {
  if (ulps <= 0.5) return 0;
  if (!std::isfinite(ulps)) return error_bins - 1;
  int exponent = 0;
  const double mantissa = std::frexp(ulps, &exponent);  // ulps = mantissa · 2^exponent, 0.5 ≤ mantissa < 1
  const int bin = exponent + (mantissa > 0.5 ? 1 : 0);
  return static_cast<std::size_t>(std::clamp(bin, 0, static_cast<int>(error_bins) - 1));
}

std::uint64_t Errors::count() const {
  std::uint64_t n = 0;
  for (const std::uint64_t b : bins) n += b;
  return n;
}
std::uint64_t Errors::over(std::size_t bin) const {
  std::uint64_t n = 0;
  for (std::size_t k = bin + 1; k < error_bins; ++k) n += bins[k];
  return n;
}
void Errors::merge(const Errors& other) {
  for (std::size_t k = 0; k < error_bins; ++k) bins[k] += other.bins[k];
  worst.take(other.worst);
}

void Offences::merge(const Offences& other) {
  count += other.count;
  worst.take(other.worst);
  cut = cut || other.cut;
  for (const auto& [chunk, list] : other.runs) {
    auto& mine = runs[chunk];
    mine.insert(mine.end(), list.begin(), list.end());
    std::sort(mine.begin(), mine.end(), [](const Run& a, const Run& b) { return a.from < b.from; });
  }
}

std::vector<Offences::Run> Offences::joined() const {
  std::vector<Run> all;
  for (const auto& [chunk, list] : runs)
    for (const Run& run : list) {
      if (!all.empty() && all.back().to + 1 == run.from) all.back().to = run.to;
      else all.push_back(run);
    }
  return all;
}

void Partial::merge(const Partial& other) {
  Ranges both = chunks;
  for (const auto& range : other.chunks.ranges()) both.add(range.from, range.to);
  chunks = std::move(both);
  inputs += other.inputs;
  outside += other.outside;
  special += other.special;
  finite += other.finite;
  rounded += other.rounded;
  escalated += other.escalated;
  undecided += other.undecided;
  errors += other.errors;
  by_budget += other.by_budget;
  other_zero += other.other_zero;
  hash += other.hash;
  all.merge(other.all);
  for (std::size_t i = 0; i < worst.size(); ++i) worst[i].take(other.worst[i]);
  for (const auto& [binade, errors_there] : other.by_binade) by_binade[binade].merge(errors_there);
  for (const auto& [kind, offence] : other.offences) offences[kind].merge(offence);
  not_monotone.merge(other.not_monotone);
  for (const auto& [policy, n] : other.policies) policies[policy] += n;
  first.insert(other.first.begin(), other.first.end());
  last.insert(other.last.begin(), other.last.end());
}

std::string to_json(const Partial& p) {
  Json json;
  Json ranges = Json::array();
  for (const auto& r : p.chunks.ranges()) ranges.push_back({r.from, r.to});
  json["chunks"] = ranges;
  each_count(p, [&](const char* name, std::uint64_t n) { json[name] = n; });
  json["all"] = json_of(p.all);
  for (const Worst& w : p.worst) json["worst"].push_back(json_of(w));
  Json binades = Json::array();
  for (const auto& [binade, errors] : p.by_binade) binades.push_back({binade, json_of(errors)});
  json["by_binade"] = binades;
  json["offences"] = Json::object();
  for (const auto& [kind, offence] : p.offences) json["offences"][std::string(to_text(kind))] = json_of(offence);
  json["not_monotone"] = json_of(p.not_monotone);
  json["policies"] = Json::object();
  for (const auto& [policy, n] : p.policies) json["policies"][policy] = n;
  json["first"] = json_of(p.first);
  json["last"] = json_of(p.last);
  return json.dump();
}

Partial partial_from_json(const std::string& text) {
  try {
    const Json json = Json::parse(text);
    Partial p;
    for (const Json& range : json.at("chunks")) {
      const auto from = range.at(0).get<std::uint64_t>(), to = range.at(1).get<std::uint64_t>();
      if (to < from) throw SweepError("a range of chunks ends before it begins");
      p.chunks.add(from, to);
    }
    each_count(p, [&](const char* name, std::uint64_t& n) { n = json.at(name).get<std::uint64_t>(); });
    read(json.at("all"), p.all);
    if (json.at("worst").size() != p.worst.size()) throw SweepError("expected " + std::to_string(p.worst.size()) + " worst inputs");
    for (std::size_t i = 0; i < p.worst.size(); ++i) read(json.at("worst")[i], p.worst[i]);
    for (const Json& entry : json.at("by_binade")) read(entry.at(1), p.by_binade[entry.at(0).get<std::uint32_t>()]);
    for (const auto& offence : json.at("offences").items()) {
      const auto row = std::find_if(kinds.begin(), kinds.end(), [&](const KindRow& k) { return k.name == offence.key(); });
      if (row == kinds.end()) throw SweepError("unknown kind of failure '" + offence.key() + "'");
      read(offence.value(), p.offences[row->kind]);
    }
    read(json.at("not_monotone"), p.not_monotone);
    for (const auto& [policy, n] : json.at("policies").items()) p.policies[policy] = n.get<std::uint64_t>();
    read(json.at("first"), p.first);
    read(json.at("last"), p.last);
    return p;
  } catch (const nlohmann::json::exception& e) {
    throw SweepError("is no partial result of a sweep: " + std::string(e.what()));
  }
}

}  // namespace karat::properties
