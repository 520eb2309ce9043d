// SPDX-License-Identifier: MIT
#include "bench/verify.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>

#include "properties/describe.hpp"
#include "properties/parallel.hpp"
#include "properties/whole_tensor.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t block = std::size_t{1} << 20;  // elements compared before anything is judged
constexpr std::size_t grain = 1 << 15;
constexpr std::size_t noted_at_once = 4096;  // further results than the pool's own, before they are judged

}  // namespace

std::optional<std::string> not_verifiable(const Plan& plan, const properties::Level& level) {
  if (!plan.hopeless.empty()) return plan.hopeless + ", and its samples cannot come again to make a smaller call";
  if (plan.judged_whole && level.profile) return "profiles do not judge tensors of this size";
  return std::nullopt;
}

Verifier::Verifier(const Plan& plan, properties::Judge& judge, const properties::Level& level, Bits poison)
    : plan_(plan), judge_(judge), level_(level), poison_(poison) {
  std::size_t all = 0;
  for (const Shape& shape : plan.pool_outputs) {
    begin_.push_back(all);
    all += static_cast<std::size_t>(element_count(shape));
  }
  usual_.assign(all, 0);
  seen_.assign(all, 0);
}

std::optional<std::string> Verifier::check(const Workload& workload, const std::vector<std::span<const std::byte>>& outputs) {
  if (failure_) return failure_;
  const auto width = static_cast<std::size_t>(plan_.format->bytes());
  for (std::size_t j = 0; j < plan_.outputs.size(); ++j) {
    const auto count = static_cast<std::size_t>(element_count(plan_.outputs[j]));
    if (j >= outputs.size() || outputs[j].size() != count * width)
      return failure_ = "output " + plan_.op->outputs[j] + " holds " + std::to_string(j < outputs.size() ? outputs[j].size() : 0) + " bytes, expected " + std::to_string(count * width);
    for (std::size_t begin = 0; begin < count; begin += block) {
      std::vector<Noted> differing;
      std::mutex mutex;
      properties::parallel_ranges(begin, std::min(count, begin + block), grain, [&](std::size_t from, std::size_t to_end) {
        std::vector<Noted> here;
        if (width == 2) compare<2>(workload.output(j), j, outputs[j].data(), from, to_end, here);
        if (width == 4) compare<4>(workload.output(j), j, outputs[j].data(), from, to_end, here);
        if (width == 8) compare<8>(workload.output(j), j, outputs[j].data(), from, to_end, here);
        const std::scoped_lock lock(mutex);
        differing.insert(differing.end(), here.begin(), here.end());
      });
      // The first one that fails is the one reported.
      std::sort(differing.begin(), differing.end(), [](const Noted& a, const Noted& b) { return a.place < b.place; });
      for (const Noted& n : differing) {
        note(n);
        if (noted_.size() >= noted_at_once + usual_.size() && !judge_noted(workload.pool())) return failure_;
      }
    }
  }
  if (!judge_noted(workload.pool())) return failure_;
  return std::nullopt;
}

// The places whose result is not the usual one of their pool element.
template <std::size_t Width>
void Verifier::compare(const Mapping& mapping, std::size_t output, const std::byte* data, std::size_t begin, std::size_t end, std::vector<Noted>& differing) const {
  const Bits* const usual = usual_.data() + begin_[output];
  const char* const seen = seen_.data() + begin_[output];
  mapping.for_each_run(begin, end, [&](std::size_t first, std::size_t pool, std::size_t count, const std::uint32_t* places) {
    const auto each = [&](auto element_of) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t u = element_of(i);
        Bits got = 0;
        std::memcpy(&got, data + (first + i) * Width, Width);  // little-endian
        if (got != usual[u] || !seen[u]) differing.push_back({begin_[output] + u, first + i, output, got});
      }
    };
    if (places)
      each([&](std::size_t i) { return pool + places[i]; });
    else
      each([&](std::size_t i) { return pool + i; });
  });
}

void Verifier::note(const Noted& n) {
  if (!seen_[n.element]) {
    seen_[n.element] = 1;
    usual_[n.element] = n.result;
  } else {
    if (usual_[n.element] == n.result) return;
    std::string key(reinterpret_cast<const char*>(&n.element), sizeof n.element);
    key.append(reinterpret_cast<const char*>(&n.result), sizeof n.result);
    if (!others_.insert(std::move(key)).second) return;
  }
  noted_.push_back(n);
}

std::optional<Bits> Verifier::of_pool(std::size_t output, Bits result) const {
  const int exponent = plan_.exponents[output];
  if (exponent == 0 || !is_finite(*plan_.format, result)) return result;
  return exact_bits(*plan_.format, std::ldexp(to_double(*plan_.format, result), -exponent));
}

// False if one of them does not conform.  All results that are new are judged as those of one call; a pool
// element with several takes as many calls.
bool Verifier::judge_noted(const Question& pool) {
  const Bits nothing = plan_.format->quiet_nan();
  while (!noted_.empty()) {
    std::vector<Bits> got(usual_.size(), nothing);
    for (std::size_t j = 0; j < begin_.size(); ++j)
      for (std::size_t u = begin_[j]; u < (j + 1 < begin_.size() ? begin_[j + 1] : usual_.size()); ++u)
        if (seen_[u]) got[u] = of_pool(j, usual_[u]).value_or(nothing);
    std::vector<Noted> now, later;
    std::vector<char> taken(usual_.size(), 0);
    for (const Noted& n : noted_) {
      if (taken[n.element]) {
        later.push_back(n);
        continue;
      }
      taken[n.element] = 1;
      const auto result = of_pool(n.output, n.result);
      if (!result) {
        failure_ = "not judged: element " + std::to_string(n.place) + " of output " + plan_.op->outputs[n.output] + " is too small or large to be compared with a smaller call's";
        return false;
      }
      got[n.element] = *result;
      now.push_back(n);
    }
    const std::vector<properties::Judgement> all = plan_.judged_whole ? properties::judge_whole_tensors(pool, got, level_) : judge_(pool, got);
    for (const Noted& n : now) {
      const properties::Judgement& j = all[n.element];
      if (!j.ok || j.error) {
        failure_ = describe(pool, n, got[n.element], j);
        return false;
      }
      if (std::isfinite(j.ulps) && !is_nan(*plan_.format, n.result)) max_ulp_ = std::max(max_ulp_, j.ulps);
    }
    distinct_ += now.size();
    noted_ = std::move(later);
  }
  return true;
}

std::string Verifier::describe(const Question& question, const Noted& n, Bits got, const properties::Judgement& judgement) const {
  const bool several = plan_.outputs.size() > 1;
  const std::string place = "element " + std::to_string(n.place) + " of " + std::to_string(element_count(plan_.outputs[n.output])) + (several ? " of " + plan_.op->outputs[n.output] : "");
  if (n.result == poison_) return "unwritten: " + place + " still holds what was there before the call";
  const bool whole = plan_.op->independence == Independence::whole;
  std::string arguments = whole ? "…" : "";
  if (!whole)
    for (const properties::NamedValue& v : properties::inputs_at(question, n.element))
      arguments += (arguments.empty() ? "" : ", ") + v.name + " = " + v.value;
  const std::string call = question.op->name + "(" + arguments + ")";
  if (judgement.error) return "not judged: " + call + ", " + place;
  const std::string power = plan_.exponents[n.output] == 0 ? "" : " · 2^" + std::to_string(plan_.exponents[n.output]);
  std::string text = std::string(properties::to_text(judgement.kind)) + ": " + call + " gave " + to_text(*question.format, got) + power + " where the exact value is " +
                     (plan_.judged_whole ? properties::exact_in_whole_tensors(question, n.element) : properties::exact_text(question, n.element).hex) + power;
  if (judgement.kind == properties::Kind::inaccurate && !std::isnan(judgement.ulps))
    text += ": " + properties::ulps_text(judgement.ulps) + " ulp, held to " + properties::to_text(judgement.by_other ? *level_.also : level_);
  return text + "; " + place;
}

}  // namespace karat::bench
