// SPDX-License-Identifier: MIT
// Typed access to the fields of one record; a wrong type or a missing field is a RecordError.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reports/record.hpp"

namespace karat::reports {

struct Place {
  const std::string& file;
  std::size_t line;
};

class Fields {
 public:
  // `what` names the object in messages: "kernel record", "failures[0]".
  Fields(const nlohmann::json& value, std::string what, Place place);

  bool has(const char* field) const { return object_.contains(field); }

  // Required where `get` is said, a default where not.
  std::string get_text(const char* field);
  std::string text(const char* field);
  std::uint64_t get_count(const char* field);
  std::uint64_t count(const char* field);
  std::int64_t integer(const char* field);
  bool get_flag(const char* field);
  bool flag(const char* field);
  std::optional<double> number(const char* field);  // finite
  std::optional<double> figure(const char* field);  // number, "inf" or "nan"
  std::vector<std::string> texts(const char* field);
  std::vector<std::int64_t> integers(const char* field);
  std::vector<Value> values(const char* field);
  std::vector<std::pair<std::string, std::uint64_t>> counts(const char* field);
  std::string seed(const char* field);  // an integer or a text
  const nlohmann::json* object(const char* field);
  const nlohmann::json* array(const char* field);

  // How many fields nobody asked for; call last.
  std::uint64_t unknown() const;
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;
  [[noreturn]] void wrong(const char* field, const std::string& expected) const;

 private:
  const nlohmann::json* find(const char* field);
  const nlohmann::json& need(const char* field, const std::string& expected);

  const nlohmann::json& object_;
  std::string what_;
  Place place_;
  std::uint64_t known_ = 0;
};

// A value as an error message shows it: short, one line.
std::string excerpt(const nlohmann::json&);
std::string shown(std::string_view text);

}  // namespace karat::reports
