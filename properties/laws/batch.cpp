// SPDX-License-Identifier: MIT
// Samples of a batch know nothing of each other: each alone, and the batch twice over, give the same bits.
#include <algorithm>

#include "properties/laws/law.hpp"

namespace karat::properties {
namespace {

bool batched(const Operator& op, const std::string& tensor) { return std::find(op.batched.begin(), op.batched.end(), tensor) != op.batched.end(); }

// Samples [first, first + count) of a batch, modulo its size.
Question samples(const Question& q, std::int64_t first, std::int64_t count) {
  Question part = q;
  for (std::size_t t = 0; t < q.inputs.size(); ++t) {
    const Tensor<Bits>& whole = q.inputs[t];
    if (!batched(*q.op, q.op->inputs[t].name) || whole.shape.empty() || whole.shape[0] == 0) continue;
    Tensor<Bits>& tensor = part.inputs[t];
    const auto size = whole.values.size() / static_cast<std::size_t>(whole.shape[0]);
    tensor.shape[0] = count;
    tensor.values.clear();
    for (std::int64_t n = first; n < first + count; ++n) {
      const auto at = whole.values.begin() + static_cast<std::ptrdiff_t>(size * static_cast<std::size_t>(n % whole.shape[0]));
      tensor.values.insert(tensor.values.end(), at, at + static_cast<std::ptrdiff_t>(size));
    }
  }
  return part;
}

// Relations between sample n of call 0 and sample m of another call.
void relate_samples(Related& related, std::size_t call, std::int64_t n, std::int64_t m) {
  const Question &q = related.calls[0], &other = related.calls[call];
  const Shapes a = q.output_shapes(), b = other.output_shapes();
  std::size_t begin = 0, other_begin = 0;
  for (std::size_t j = 0; j < a.size(); ++j) {
    const auto all = static_cast<std::size_t>(element_count(a[j])), other_all = static_cast<std::size_t>(element_count(b[j]));
    if (batched(*q.op, q.op->outputs[j]) && !a[j].empty() && a[j][0] > 0) {
      const std::size_t size = all / static_cast<std::size_t>(a[j][0]);
      for (std::size_t i = 0; i < size; ++i)
        related.relations.push_back({Relation::Must::same_bits, {{0, begin + size * static_cast<std::size_t>(n) + i}, {call, other_begin + size * static_cast<std::size_t>(m) + i}}, 0});
    }
    begin += all;
    other_begin += other_all;
  }
}

std::optional<Related> relate(const Question& q, const std::string&) {
  const auto first = input_named(*q.op, q.op->batched[0]);
  if (!first || q.inputs[*first].shape.empty()) return std::nullopt;
  const auto reduction = q.attributes.values.find("reduction");
  if (reduction != q.attributes.values.end() && q.attributes.text("reduction") != "none") return std::nullopt;  // one number of them all
  const std::int64_t size = q.inputs[*first].shape[0];
  if (size < 1) return std::nullopt;
  Related related{{q}, {}};
  const auto add = [&](Question other) {
    if (invalid(other)) return false;
    related.calls.push_back(std::move(other));
    return true;
  };
  if (size > 1 && add(samples(q, size - 1, 1))) relate_samples(related, related.calls.size() - 1, size - 1, 0);
  if (add(samples(q, 0, 2 * size)))
    for (std::int64_t n = 0; n < size; ++n) relate_samples(related, related.calls.size() - 1, n, size + n);
  if (related.relations.empty()) return std::nullopt;
  return related;
}

const LawRow row{{.name = "batch", .sentence = "a sample gives the same result alone, in its batch, and at another place of a larger one",
                  .applies = [](const Operator& op) { return !op.batched.empty(); }, .relate = relate}};

}  // namespace
}  // namespace karat::properties
