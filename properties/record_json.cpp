// SPDX-License-Identifier: MIT
#include "properties/record_json.hpp"

#include <cmath>

namespace karat::properties {

Json figure(double d) {
  if (std::isfinite(d)) return d;
  return std::isnan(d) ? "nan" : d > 0 ? "inf" : "-inf";
}

Json pairs(const std::vector<NamedValue>& values) {
  Json list = Json::array();
  for (const NamedValue& v : values) list.push_back({{"name", v.name}, {"value", v.value}});
  return list;
}

Json failures_of(const std::vector<Failure>& failures, const std::string& level) {
  Json list = Json::array();
  for (const Failure& f : failures) {
    Json one{{"kind", to_text(f.kind)}, {"count", f.count}, {"message", f.message}, {"at", pairs(f.at)}};
    if (!f.got.empty()) one["got"] = f.got;
    if (!f.exact.empty()) {
      one["exact"] = f.exact;
      one["exact_decimal"] = f.exact_decimal;
      one["ulp"] = figure(f.ulp);
      if (!std::isnan(f.allowed)) one["allowed"] = figure(f.allowed);
      if (f.level != level) one["level"] = f.level;
    }
    if (!f.from.empty()) {
      one["from"] = f.from;
      one["to"] = f.to;
    }
    one["replay"] = "karat replay '" + f.replay + "'";
    if (!f.simplest.empty()) one["simplest"] = "karat replay '" + f.simplest + "'";
    if (!f.waived.empty()) one["waived"] = f.waived;
    list.push_back(std::move(one));
  }
  return list;
}

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

}  // namespace karat::properties
