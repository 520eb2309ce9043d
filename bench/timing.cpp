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

}  // namespace

std::string timing_json(const Timing& t) {
  Json json{{"type", "timing"},     {"plugin", t.plugin},
            {"op", t.op},           {"kernel", t.kernel},
            {"dtype", t.dtype},     {"size", t.size},
            {"shape", t.shape},     {"bytes", t.bytes},
            {"threads", t.threads}, {"repetitions", t.repetitions}};
  if (!t.call.empty()) json["call"] = t.call;
  if (t.verified) {
    json["seconds"] = {
        {"min", figure(t.min_seconds)}, {"median", figure(t.median_seconds)}, {"max", figure(t.max_seconds)}};
    json["ns_per_element"] = figure(t.ns_per_element);
    json["gb_per_s"] = figure(t.gb_per_s);
    json["copy_seconds"] = figure(t.copy_seconds);
    json["ratio_to_copy"] = figure(t.ratio_to_copy);
  }
  json["verified"] = t.verified;
  if (t.verified)
    json["max_ulp"] = figure(t.max_ulp);
  else
    json["reason"] = t.reason;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // whatever bytes a plugin put into it
}

}  // namespace karat::bench
