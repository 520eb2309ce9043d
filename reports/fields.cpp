// SPDX-License-Identifier: MIT
#include "reports/fields.hpp"

#include <cmath>
#include <limits>

#include "reports/text.hpp"

namespace karat::reports {
namespace {

using Json = nlohmann::json;

std::optional<std::uint64_t> as_count(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer() && value.get<std::int64_t>() >= 0) return value.get<std::uint64_t>();
  return {};
}

std::optional<std::int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return {};
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return {};
}

}  // namespace

std::string shown(std::string_view text) { return shorten(printable(text.substr(0, 400)), 60); }

std::string excerpt(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  return shown(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Fields::Fields(const Json& value, std::string what, Place place)
    : object_(value), what_(std::move(what)), place_(place) {
  if (!value.is_object()) fail("an object", excerpt(value));
}

void Fields::fail(const std::string& expected, const std::string& got) const {
  throw RecordError(place_.file, place_.line, what_ + ": " + expected, got,
                    "see docs/records.md for the fields; write the record again with this version of karat");
}

void Fields::wrong(const char* field, const std::string& expected) const {
  const auto at = object_.find(field);
  fail("`" + std::string(field) + "` as " + expected, at == object_.end() ? "no such field" : excerpt(*at));
}

const Json* Fields::find(const char* field) {
  const auto at = object_.find(field);
  if (at == object_.end()) return nullptr;
  ++known_;
  return &*at;
}

const Json& Fields::need(const char* field, const std::string& expected) {
  const Json* value = find(field);
  if (!value) wrong(field, expected);
  return *value;
}

std::string Fields::get_text(const char* field) {
  const Json& value = need(field, "text");
  if (!value.is_string()) wrong(field, "text");
  return value.get<std::string>();
}

std::string Fields::text(const char* field) { return has(field) ? get_text(field) : std::string(); }

std::uint64_t Fields::get_count(const char* field) {
  const auto value = as_count(need(field, "a whole number, 0 or more"));
  if (!value) wrong(field, "a whole number, 0 or more");
  return *value;
}

std::uint64_t Fields::count(const char* field) { return has(field) ? get_count(field) : 0; }

std::int64_t Fields::integer(const char* field) {
  const Json* value = find(field);
  if (!value) return 0;
  const auto whole = as_integer(*value);
  if (!whole) wrong(field, "a whole number");
  return *whole;
}

bool Fields::get_flag(const char* field) {
  const Json& value = need(field, "true or false");
  if (!value.is_boolean()) wrong(field, "true or false");
  return value.get<bool>();
}

bool Fields::flag(const char* field) { return has(field) && get_flag(field); }

std::optional<double> Fields::number(const char* field) {
  const Json* value = find(field);
  if (!value) return {};
  if (!value->is_number()) wrong(field, "a number");
  return value->get<double>();
}

std::optional<double> Fields::figure(const char* field) {
  const Json* value = find(field);
  if (!value) return {};
  if (value->is_number()) return value->get<double>();
  if (*value == "inf") return std::numeric_limits<double>::infinity();
  if (*value == "nan") return std::numeric_limits<double>::quiet_NaN();
  wrong(field, "a number, \"inf\" or \"nan\"");
}

std::vector<std::string> Fields::texts(const char* field) {
  std::vector<std::string> out;
  if (const Json* list = array(field)) {
    for (const Json& item : *list) {
      if (!item.is_string()) wrong(field, "an array of text");
      out.push_back(item.get<std::string>());
    }
  }
  return out;
}

std::vector<std::int64_t> Fields::integers(const char* field) {
  std::vector<std::int64_t> out;
  if (const Json* list = array(field)) {
    for (const Json& item : *list) {
      const auto whole = as_integer(item);
      if (!whole) wrong(field, "an array of whole numbers");
      out.push_back(*whole);
    }
  }
  return out;
}

std::vector<Value> Fields::values(const char* field) {
  std::vector<Value> out;
  if (const Json* list = array(field)) {
    for (const Json& item : *list) {
      Fields each(item, what_ + ", `" + field + "`", place_);
      out.push_back({each.get_text("name"), each.get_text("value")});
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> Fields::counts(const char* field) {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  if (const Json* map = object(field)) {
    for (const auto& [key, value] : map->items()) {
      const auto count = as_count(value);
      if (!count) wrong(field, "an object of whole numbers");
      out.emplace_back(key, *count);
    }
  }
  return out;
}

std::string Fields::seed(const char* field) {
  const Json* value = find(field);
  if (!value) return {};
  if (value->is_string()) return value->get<std::string>();
  if (!value->is_number_integer()) wrong(field, "a whole number or text");
  return value->dump();
}

const Json* Fields::object(const char* field) {
  const Json* value = find(field);
  if (value && !value->is_object()) wrong(field, "an object");
  return value;
}

const Json* Fields::array(const char* field) {
  const Json* value = find(field);
  if (value && !value->is_array()) wrong(field, "an array");
  return value;
}

std::uint64_t Fields::unknown() const { return object_.size() - known_; }

}  // namespace karat::reports
