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

constexpr std::size_t block_bytes = std::size_t{4} << 20;  // compared before anything is judged
constexpr std::size_t judged_at_once = 4096;               // elements

Bits element(const std::byte* data, std::size_t index, std::size_t width) {
  Bits b = 0;
  std::memcpy(&b, data + index * width, width);  // little-endian
  return b;
}

}  // namespace

std::optional<std::string> not_verifiable(const Workload& workload, const properties::Level& level) {
  const Question& q = workload.pool();
  if (!workload.whole() || properties::fits_tapes(q)) return std::nullopt;
  const std::string smaller = "; calls of up to 2048 elements are judged as a check does";
  if (level.profile) return "profiles do not judge tensors of this size" + smaller;
  if (const auto why = properties::not_compensated(*q.op, q.attributes)) return *why + smaller;
  return std::nullopt;
}

Verifier::Verifier(const Workload& workload, properties::Judge& judge, const properties::Level& level,
                   Bits poison)
    : workload_(workload),
      judge_(judge),
      level_(level),
      poison_(poison),
      usual_(workload.pool_size() * workload.unit_bytes()),
      seen_(workload.pool_size(), 0) {}

std::optional<std::string> Verifier::check(std::span<const std::byte> output) {
  if (failure_) return failure_;
  const std::size_t bytes = workload_.unit_bytes(), count = workload_.positions();
  if (output.size() != count * bytes)
    return failure_ = "the output holds " + std::to_string(output.size()) + " bytes, expected " +
                      std::to_string(count * bytes);
  const std::size_t block = std::max<std::size_t>(1, block_bytes / bytes);
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(count, begin + block);
    std::vector<std::size_t> differing;
    std::mutex mutex;
    properties::parallel_ranges(begin, end, 1 + 65'536 / bytes, [&](std::size_t from, std::size_t to_end) {
      std::vector<std::size_t> here;
      compare(output, from, to_end, here);
      const std::scoped_lock lock(mutex);
      differing.insert(differing.end(), here.begin(), here.end());
    });
    std::sort(differing.begin(), differing.end());  // the first one that fails is the one reported
    for (const std::size_t position : differing) {
      note(position, output.data() + position * bytes);
      if (units_.size() * workload_.length() >= judged_at_once && !judge_noted()) return failure_;
    }
    if (!judge_noted()) return failure_;
  }
  return std::nullopt;
}

// The positions whose result is not the usual one of their unit.
void Verifier::compare(std::span<const std::byte> output, std::size_t begin, std::size_t end,
                       std::vector<std::size_t>& differing) const {
  const auto each = [&](std::size_t bytes) {
    for (std::size_t p = begin; p < end; ++p) {
      const std::size_t u = workload_.unit_at(p);
      if (std::memcmp(output.data() + p * bytes, usual_.data() + u * bytes, bytes) != 0 || !seen_[u])
        differing.push_back(p);
    }
  };
  switch (workload_.unit_bytes()) {  // so that elements are compared without a call
    case 2:
      return each(2);
    case 4:
      return each(4);
    case 8:
      return each(8);
    default:
      return each(workload_.unit_bytes());
  }
}

void Verifier::note(std::size_t position, const std::byte* result) {
  const std::size_t u = workload_.unit_at(position), bytes = workload_.unit_bytes();
  std::byte* const usual = usual_.data() + u * bytes;
  if (!seen_[u]) {
    seen_[u] = 1;
    std::memcpy(usual, result, bytes);
  } else {
    if (std::memcmp(usual, result, bytes) == 0) return;
    std::string key(reinterpret_cast<const char*>(&u), sizeof u);
    key.append(reinterpret_cast<const char*>(result), bytes);
    if (!others_.insert(std::move(key)).second) return;
  }
  units_.push_back(u);
  positions_.push_back(position);
  results_.insert(results_.end(), result, result + bytes);
}

// False if one of them does not conform.
bool Verifier::judge_noted() {
  if (units_.empty()) return true;
  const Question question = workload_.question(units_);
  const Format& f = *question.format;
  const std::size_t length = workload_.length();
  std::vector<Bits> got(units_.size() * length);
  for (std::size_t i = 0; i < got.size(); ++i)
    got[i] = element(results_.data(), i, static_cast<std::size_t>(f.bytes()));
  const std::vector<properties::Judgement> judgements = workload_.whole() && !properties::fits_tapes(question) ? properties::judge_whole_tensors(question, got, level_) : judge_(question, got);
  for (std::size_t i = 0; i < got.size(); ++i) {
    const properties::Judgement& j = judgements[i];
    if (!j.ok || j.error) {
      failure_ = describe(question, i, got[i], j, positions_[i / length] * length + i % length);
      return false;
    }
    if (std::isfinite(j.ulps) && !is_nan(f, got[i])) max_ulp_ = std::max(max_ulp_, j.ulps);
  }
  distinct_ += units_.size();
  units_.clear();
  positions_.clear();
  results_.clear();
  return true;
}

std::string Verifier::describe(const Question& question, std::size_t i, Bits got,
                               const properties::Judgement& judgement, std::size_t where) const {
  const std::string place =
      "element " + std::to_string(where) + " of " + std::to_string(workload_.elements());
  if (got == poison_) return "unwritten: " + place + " still holds what was there before the call";
  const bool large = workload_.whole() && !properties::fits_tapes(question);
  std::string arguments = workload_.whole() ? "…" : "";
  if (!workload_.whole())
    for (const properties::NamedValue& v : properties::inputs_at(question, i))
      arguments += (arguments.empty() ? "" : ", ") + v.name + " = " + v.value;
  const std::string call = question.op->name + "(" + arguments + ")";
  if (judgement.error) return "not judged: " + call + ", " + place;
  std::string text = std::string(properties::to_text(judgement.kind)) + ": " + call + " gave " +
                     to_text(*question.format, got) + " where the exact value is " +
                     (large ? properties::exact_in_whole_tensors(question, i) : properties::exact_text(question, i).hex);
  if (judgement.kind == properties::Kind::inaccurate && !std::isnan(judgement.ulps))
    text += ": " + properties::ulps_text(judgement.ulps) + " ulp, held to " + properties::to_text(judgement.by_other ? *level_.also : level_);
  return text + "; " + place;
}

}  // namespace karat::bench
