// SPDX-License-Identifier: MIT
#include "cli/budgets.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <random>

#include "cli/command.hpp"
#include "properties/budget.hpp"
#include "properties/describe.hpp"
#include "properties/generate.hpp"
#include "properties/nearest.hpp"
#include "reference/numbers/precision.hpp"
#include "reports/report.hpp"

namespace karat::cli {
namespace {

using properties::Fill;

// Rows that are easy (usual values) or ill-conditioned (within a few units of each other, or at the row's directed values).
std::vector<Question> questions(const Operator& op, const Format& f, bool easy) {
  std::vector<Question> all;
  if (op.independence == Independence::whole) {
    for (const Example& example : op.examples)
      for (const Fill fill : easy ? std::vector{Fill::usual} : std::vector{Fill::close, Fill::directed}) all.push_back(properties::filled(op, f, example, fill, 7));
    return all;
  }
  std::mt19937_64 random(7);
  Question q{&op, &f, {}, standard_attributes(op)};
  const bool axis = op.independence == Independence::along_axis;
  if (axis) q.attributes.values["axis"] = std::int64_t{1};
  for (const InputRow& row : op.inputs) {
    Tensor<Bits> x(axis ? Shape{4, 16} : Shape{64});
    const Bits middle = round_nearest(f, truncated(row.typical.high * 0.75 + row.typical.low * 0.25));
    for (Bits& b : x.values) {
      const double share = static_cast<double>(random() >> 11) * 0x1p-53;
      b = round_nearest(f, truncated(row.typical.low + (row.typical.high - row.typical.low) * share));
      if (!easy && axis) b = from_ordinal(f, ordinal(f, middle) + static_cast<std::int64_t>(random() % 5));
      if (!easy && !axis && !row.directed.empty()) b = round_nearest(f, truncated(row.directed[random() % row.directed.size()]));
      if (!row.takes(to_double(f, b))) b = middle;
    }
    q.inputs.push_back(std::move(x));
  }
  all.push_back(std::move(q));
  return all;
}

// In ulps of the exact value, element by element; elements that no budget decides are left out.
std::vector<double> budgets_of(const Question& q) {
  std::vector<double> all;
  if (invalid(q)) return all;
  const PrecisionScope scope(200);
  const Format& f = *q.format;
  for (std::size_t u = 0; u < unit_count(q); ++u) {
    const Unit part = unit(q, u);
    const auto by_row = specials(part.question);
    const std::vector<Real> y = witness(part.question);
    properties::Budgets budgets(part.question, properties::care_of(properties::default_level));
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (!by_row[i].empty()) continue;
      const properties::Budget b = budgets.at(i);
      const auto exact = static_cast<double>(y[i]);
      if (b.out_of_range || b.undefined || !std::isfinite(exact)) continue;
      int exponent = f.e_min + 1;
      if (exact != 0) std::frexp(exact, &exponent);
      all.push_back(static_cast<double>(b.bound / std::ldexp(1.0L, std::max(exponent - 1, f.e_min) - f.fraction_bits())));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::string figure(const std::vector<double>& sorted, double quantile) {
  if (sorted.empty()) return "–";
  return properties::ulps_text(sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(quantile * static_cast<double>(sorted.size())))]);
}

}  // namespace

int print_budgets(const std::string& op_pattern, const std::vector<std::string>& dtypes, const std::vector<std::string>& records) {
  std::map<std::string, std::map<std::string, double>> measured;  // "op dtype" → back end → the smallest of its kernels' largest errors
  std::vector<std::string> back_ends;
  if (!records.empty()) {
    const std::vector<std::filesystem::path> files(records.begin(), records.end());
    for (const auto& k : reports::read(files).kernels) {
      if (std::find(back_ends.begin(), back_ends.end(), k.plugin) == back_ends.end()) back_ends.push_back(k.plugin);
      if (k.elements == 0 || !k.max_ulp) continue;
      const auto [entry, fresh] = measured[k.op + " " + k.dtype].try_emplace(k.plugin, *k.max_ulp);
      if (!fresh && *k.max_ulp < entry->second) entry->second = *k.max_ulp;
    }
  }
  std::printf("| operator | dtype | easy: median | easy: largest | ill-conditioned: median | ill-conditioned: largest |");
  for (const std::string& b : back_ends) std::printf(" %s, largest error |", b.c_str());
  std::printf("\n|---|---|---|---|---|---|");
  for (std::size_t i = 0; i < back_ends.size(); ++i) std::printf("---|");
  std::printf("\n");
  bool any = false;
  for (const Operator& op : operators()) {
    if (!properties::matches(op_pattern, op.name)) continue;
    for (const Format& f : formats()) {
      if (!dtypes.empty() && std::find(dtypes.begin(), dtypes.end(), f.name) == dtypes.end()) continue;
      std::vector<double> easy, ill;
      for (const bool usual : {true, false})
        for (const Question& q : questions(op, f, usual)) {
          const auto own = budgets_of(q);
          auto& list = usual ? easy : ill;
          list.insert(list.end(), own.begin(), own.end());
        }
      std::sort(easy.begin(), easy.end());
      std::sort(ill.begin(), ill.end());
      any = true;
      std::printf("| %s | %s | %s | %s | %s | %s |", op.name.c_str(), std::string(f.name).c_str(), figure(easy, 0.5).c_str(), figure(easy, 1).c_str(), figure(ill, 0.5).c_str(),
                  figure(ill, 1).c_str());
      const auto& own = measured[op.name + " " + std::string(f.name)];
      for (const std::string& b : back_ends) {
        const auto found = own.find(b);
        std::printf(" %s |", found == own.end() ? "–" : properties::ulps_text(found->second).c_str());
      }
      std::printf("\n");
    }
  }
  if (!any) throw UsageError(properties::unknown("operator", op_pattern, properties::operator_names()));
  return conforms;
}

}  // namespace karat::cli
