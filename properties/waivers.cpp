// SPDX-License-Identifier: MIT
#include "properties/waivers.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <toml++/toml.h>

#include "properties/nearest.hpp"
#include "properties/profile.hpp"

namespace karat::properties {
namespace {

constexpr std::uintmax_t largest_file = 1 << 20;

std::string text_of(std::chrono::year_month_day d) {
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(d.year()), static_cast<unsigned>(d.month()), static_cast<unsigned>(d.day()));
  return text;
}

std::string place(const std::string& file, const toml::source_region& at) {
  return file + ":" + std::to_string(at.begin.line) + ":" + std::to_string(at.begin.column) + ": ";
}
[[noreturn]] void fail(const std::string& file, const toml::node& node, const std::string& what) { throw ProfileError(place(file, node.source()) + what); }

std::string string_of(const std::string& file, const toml::node& node, const std::string& key) {
  const auto* s = node.as_string();
  if (!s || s->get().empty()) fail(file, node, key + ": expected a text that is not empty");
  return s->get();
}

Waiver waiver_of(const std::string& file, const toml::table& table) {
  const std::vector<std::string> known{"plugin", "op", "kernel", "dtype", "kind", "case", "reason", "owner", "expires"};
  for (const auto& [key, value] : table)
    if (std::find(known.begin(), known.end(), key.str()) == known.end()) throw ProfileError(place(file, key.source()) + unknown("key of a waiver", key.str(), known));
  Waiver w;
  w.place = file + ":" + std::to_string(table.source().begin.line);
  const auto take = [&](const char* key, std::string& to, bool required) {
    const toml::node* node = table.get(key);
    if (!node && required) fail(file, table, std::string("the waiver lacks ") + key + ": a waiver says op, kernel, reason, owner and expires");
    if (node) to = string_of(file, *node, key);
  };
  take("plugin", w.plugin, false);
  take("op", w.op, true);
  take("kernel", w.kernel, true);
  take("dtype", w.dtype, false);
  take("kind", w.kind, false);
  take("case", w.replay, false);
  take("reason", w.reason, true);
  take("owner", w.owner, true);
  const auto known_to = [&](const char* key, const std::string& glob, const std::vector<std::string>& names) {
    if (std::none_of(names.begin(), names.end(), [&](const std::string& name) { return matches(glob, name); })) fail(file, *table.get(key), unknown(key, glob, names));
  };
  known_to("op", w.op, operator_names());
  if (table.contains("dtype")) known_to("dtype", w.dtype, dtype_names());
  if (table.contains("kind")) {
    std::vector<std::string> names;
    for (const KindRow& row : kinds) names.emplace_back(row.name);
    known_to("kind", w.kind, names);
  }
  const toml::node* expires = table.get("expires");
  if (!expires) fail(file, table, "the waiver lacks expires: a date such as 2027-01-31");
  const auto* date = expires->as_date();
  if (!date) fail(file, *expires, "expires: expected a date such as 2027-01-31");
  w.expires = std::chrono::year(date->get().year) / date->get().month / date->get().day;
  return w;
}

bool names(const Waiver& w, const KernelVerdict& v) {
  return matches(w.plugin, v.plugin) && matches(w.op, v.op) && matches(w.kernel, v.kernel) && matches(w.dtype, v.dtype);
}

}  // namespace

Waivers Waivers::parse(std::string_view text, const std::string& file) {
  toml::table root;
  try {
    root = toml::parse(text, file);
  } catch (const toml::parse_error& e) {
    throw ProfileError(place(file, e.source()) + std::string(e.description()));
  }
  for (const auto& [key, value] : root)
    if (key.str() != "waiver") throw ProfileError(place(file, key.source()) + unknown("key of a file of waivers", key.str(), {"waiver"}));
  Waivers all;
  if (const toml::node* node = root.get("waiver")) {
    const toml::array* list = node->as_array();
    if (!list) fail(file, *node, "waiver: expected tables [[waiver]]");
    for (const toml::node& one : *list) {
      const toml::table* table = one.as_table();
      if (!table) fail(file, one, "waiver: expected tables [[waiver]]");
      all.waivers_.push_back(waiver_of(file, *table));
    }
  }
  all.uses_.resize(all.waivers_.size());
  return all;
}

Waivers Waivers::read(const std::filesystem::path& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) throw ProfileError(file.string() + ": expected a file of waivers, got a directory");
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (error) throw ProfileError(file.string() + ": " + error.message());
  if (size > largest_file) throw ProfileError(file.string() + ": expected at most 1 MiB, got " + std::to_string(size) + " bytes");
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) throw ProfileError(file.string() + ": cannot be read");
  return parse(text.str(), file.string());
}

void Waivers::apply(KernelVerdict& verdict, std::chrono::year_month_day today) {
  for (std::size_t i = 0; i < waivers_.size(); ++i) {
    const Waiver& w = waivers_[i];
    if (!names(w, verdict) || verdict.result == KernelVerdict::Result::skip || verdict.result == KernelVerdict::Result::error) continue;
    uses_[i].judged = true;
    for (Failure& f : verdict.failures) {
      if (!matches(w.kind, to_text(f.kind)) || !matches(w.replay, f.replay)) continue;
      uses_[i].matched = true;
      if (!(w.expires < today)) f.waived = w.reason + " (" + w.owner + ", until " + text_of(w.expires) + ")";
    }
  }
}

std::vector<Waivers::Problem> Waivers::problems(std::chrono::year_month_day today) const {
  std::vector<Problem> all;
  for (std::size_t i = 0; i < waivers_.size(); ++i) {
    const Waiver& w = waivers_[i];
    if (!uses_[i].judged) continue;  // its kernels did not run
    const std::string what = w.place + ": the waiver of " + w.owner + " for " + w.op + " " + w.kernel;
    if (w.expires < today)
      all.push_back({"expired", what + " expired on " + text_of(w.expires) + ": mend the kernel, or renew it with a reason"});
    else if (!uses_[i].matched)
      all.push_back({"stale", what + " matches no failure any more: remove it"});
  }
  return all;
}

std::chrono::year_month_day today() { return std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()); }

}  // namespace karat::properties
