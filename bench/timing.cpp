// SPDX-License-Identifier: MIT
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/bench.hpp"

namespace karat::bench {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinities: figures are numbers, or text.
Json figure(double d) {
  if (std::isfinite(d)) return d;
  return std::isnan(d) ? "nan" : d > 0 ? "inf" : "-inf";
}

void set_figures(Json& json, const Timing& t) {
  json["seconds"] = {{"min", figure(t.min_seconds)}, {"median", figure(t.median_seconds)}, {"max", figure(t.max_seconds)}};
  json["spread"] = figure(t.spread);
  Json repetitions = Json::array();
  for (const double s : t.seconds) repetitions.push_back(figure(s));
  json["by_repetition"] = std::move(repetitions);
  json["ns_per_element"] = figure(t.ns_per_element);
  json["gb_per_s"] = figure(t.gb_per_s);
  if (t.gflop_per_s) json["gflop_per_s"] = figure(*t.gflop_per_s);
  if (t.copy_seconds > 0) {
    json["copy_seconds"] = figure(t.copy_seconds);
    json["ratio_to_copy"] = figure(t.ratio_to_copy);
  }
  if (t.machine.known())
    json["machine"] = {{"copy_gb_per_s", t.machine.copy_gb_per_s}, {"copy_nontemporal_gb_per_s", t.machine.copy_nontemporal_gb_per_s}, {"read_gb_per_s", t.machine.read_gb_per_s}, {"gflop_per_s", t.machine.gflop_per_s}};
  if (t.limit) json["limit"] = {{"by", t.limit->binds}, {"seconds", figure(t.limit->seconds)}, {"share", figure(t.share_of_limit)}};
  if (t.faster_than.empty()) return;
  Json slower = Json::array();
  for (const Slower& s : t.faster_than) slower.push_back({{"plugin", s.plugin}, {"kernel", s.kernel}, {"times", figure(s.times)}, {"p", figure(s.p)}});
  json["faster_than"] = std::move(slower);
}

}  // namespace

std::string timing_json(const Timing& t) {
  Json json{{"type", "timing"}, {"plugin", t.plugin}, {"op", t.op}, {"kernel", t.kernel}, {"dtype", t.dtype}, {"size", t.size}, {"cache", t.cache}};
  if (!t.call.empty()) json["call"] = t.call;
  json["shape"] = t.shape;
  json["elements"] = t.elements;
  json["bytes"] = t.bytes();
  json["read"] = t.read;
  json["written"] = t.written;
  if (t.flops) json["flops"] = figure(*t.flops);
  json["threads"] = t.threads;
  json["repetitions"] = t.repetitions;
  if (t.verified) set_figures(json, t);
  json["verified"] = t.verified;
  if (t.verified)
    json["max_ulp"] = figure(t.max_ulp);
  else
    json["reason"] = t.reason;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // whatever bytes a plugin put into it
}

}  // namespace karat::bench
