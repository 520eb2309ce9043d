// SPDX-License-Identifier: MIT
#include "properties/execute.hpp"

#include <cstring>

namespace karat::properties {
namespace {

using Status = host::Outcome::Status;

// Two NaNs that no computation gives by itself, of either sign.
Bits poison(const Format& f, bool second) {
  const Bits payload = (f.fraction_mask() / 3) | 1;
  return (second ? f.quiet_nan() | f.sign_mask() | (payload >> 1) : f.quiet_nan() | payload) & f.mask();
}

void store(std::span<std::byte> storage, std::size_t width, const Tensor<Bits>& tensor,
           const std::vector<std::int64_t>& strides) {
  const auto indices = storage_indices(tensor.shape, strides);
  for (std::size_t i = 0; i < indices.size(); ++i)
    std::memcpy(storage.data() + indices[i] * width, &tensor.values[i], width);  // little-endian
}

void load(std::span<const std::byte> storage, const Format& f, const Shape& shape,
          const std::vector<std::int64_t>& strides, std::vector<Bits>& values) {
  const auto indices = storage_indices(shape, strides);
  const auto width = static_cast<std::size_t>(f.bytes());
  for (const std::size_t i : indices) {
    values.push_back(0);
    std::memcpy(&values.back(), storage.data() + i * width, width);
  }
}

// What an outcome means, other than that the call returned.
std::optional<Fault> fault_of(const host::Outcome& outcome) {
  switch (outcome.status) {
    case Status::failed:
      return Fault{Kind::protocol_violation,
                   "reported an error for a call that it had accepted: " + outcome.detail};
    case Status::out_of_bounds:
      return Fault{Kind::out_of_bounds, outcome.detail};
    case Status::input_modified:
      return Fault{Kind::input_modified, outcome.detail};
    case Status::crashed:
      return Fault{Kind::crashed, outcome.detail};
    case Status::hung:
      return Fault{Kind::hung, outcome.detail};
    case Status::out_of_memory:
      return Fault{Kind::out_of_memory, outcome.detail};
    case Status::exited:
      return Fault{Kind::protocol_violation, outcome.detail};
    case Status::ok:
    case Status::declined:
    case Status::host_error:
      break;
  }
  if (!outcome.wrote_outside.empty()) return Fault{Kind::out_of_bounds, outcome.wrote_outside};
  if (!outcome.input_changed.empty()) return Fault{Kind::input_modified, outcome.input_changed};
  if (!outcome.process_changed.empty()) return Fault{Kind::protocol_violation, outcome.process_changed};
  if (!outcome.fp_env_changed.empty()) return Fault{Kind::fp_env_changed, outcome.fp_env_changed};
  return std::nullopt;
}

void fill(const std::vector<std::span<std::byte>>& storage, const Question& q, const Layout& layout) {
  for (std::size_t t = 0; t < q.inputs.size(); ++t) {
    const Tensor<Bits>& tensor = q.inputs[t];
    const auto width = q.op->inputs[t].index ? sizeof(std::int64_t) : static_cast<std::size_t>(q.format->bytes());
    store(storage[t], width, tensor, strides_of(tensor.shape, layout, false));
  }
}

std::vector<std::span<std::byte>> lay_out(host::Worker& worker, int kernel, const Case& c) {
  auto storage = worker.prepare(call_spec(c, kernel));
  fill(storage, c.question, c.layout);
  return storage;
}

Bits other(const Format& f, Bits b) { return *exact_bits(f, b == *exact_bits(f, 0.5) ? 0.25 : 0.5); }

// The same inputs with numbers among the attributes changed; nothing if there are none to change.
std::optional<Question> with_other_numbers(Question q) {
  bool changed = false;
  for (const AttributeRow& row : q.op->attributes) {
    const auto found = q.attributes.values.find(row.name);
    if (found == q.attributes.values.end() || row.kind != AttributeRow::Kind::number) continue;
    for (const double d : row.directed)
      if (d != std::get<double>(found->second)) {
        found->second = d;
        changed = true;
        break;
      }
  }
  return changed ? std::optional(std::move(q)) : std::nullopt;
}

// Whatever becomes of these calls, the case itself follows.  Returns the case's storage, filled with its inputs.
std::vector<std::span<std::byte>> run_decoys(host::Worker& worker, int kernel, const Case& c) {
  const Format& f = *c.question.format;
  const auto run = [&] { worker.run(poison(f, true)); };
  Question far = c.question, near = c.question;
  for (std::size_t t = 0; t < c.question.inputs.size(); ++t) {
    if (c.question.op->inputs[t].index) continue;
    for (Bits& b : far.inputs[t].values) b = other(f, b);
    auto& values = near.inputs[t].values;
    // Neither an end nor a half, third or quarter of the way: there a digest of samples would look.
    if (!values.empty()) values[values.size() * 5 / 8] = other(f, values[values.size() * 5 / 8]);
  }
  const auto storage = lay_out(worker, kernel, {std::move(far), c.layout, {}});
  run();
  fill(storage, near, c.layout);
  run();
  fill(storage, c.question, c.layout);
  return storage;
}

}  // namespace

Execution execute(host::Worker& worker, int kernel, const Case& c, bool decoys) {
  const Format& f = *c.question.format;
  Execution e;
  decoys = decoys || c.decoys;
  if (decoys)
    if (auto q = with_other_numbers(c.question)) {
      lay_out(worker, kernel, {std::move(*q), c.layout, {}});
      worker.run(poison(f, true));
    }
  auto storage = lay_out(worker, kernel, c);
  const Operator& op = *c.question.op;
  const Shapes shapes = c.question.output_shapes();
  std::vector<bool> poisoned;  // an in-out tensor keeps what it held where it is not written
  std::vector<Bits> results[2];
  for (const bool second : {false, true}) {
    if (second && decoys) storage = run_decoys(worker, kernel, c);
    const host::Outcome outcome = worker.run(poison(f, second));
    if (outcome.status == Status::declined) {
      e.declined = outcome.detail;
      return e;
    }
    if (outcome.status == Status::host_error) {
      e.host_error = outcome.detail;
      return e;
    }
    if (const auto fault = fault_of(outcome); fault && (!e.fault || e.fault->kind == Kind::fp_env_changed))
      e.fault = fault;
    if (!e.finished()) return e;
    for (std::size_t j = 0; j < op.outputs.size(); ++j) {
      const std::size_t tensor = output_tensor(op, j);
      const bool own = tensor >= op.inputs.size() && !place_of_output(c.question, c.layout, j);
      load(storage[tensor], f, shapes[j], strides_of(shapes[j], c.layout, own), results[second ? 1 : 0]);
      poisoned.resize(results[second ? 1 : 0].size(), own);
    }
  }
  const auto& first = results[0];
  const auto& again = results[1];
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == again[i]) continue;  // one that passes a NaN on may pass on these bits
    if (poisoned[i] && (first[i] == poison(f, false) || again[i] == poison(f, true)))
      e.unwritten.push_back(i);
    else
      e.differing.push_back(i);
  }
  const auto count = static_cast<std::int64_t>(again.size());
  e.first = Tensor<Bits>(Shape{count}, std::move(results[0]));
  e.output = Tensor<Bits>(Shape{count}, std::move(results[1]));
  return e;
}

}  // namespace karat::properties
