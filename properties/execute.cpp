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
  if (!outcome.fp_env_changed.empty()) return Fault{Kind::fp_env_changed, outcome.fp_env_changed};
  return std::nullopt;
}

std::vector<std::span<std::byte>> lay_out(host::Worker& worker, int kernel, const Case& c) {
  auto storage = worker.prepare(call_spec(c, kernel));
  for (std::size_t t = 0; t < c.question.inputs.size(); ++t) {
    const Tensor<Bits>& tensor = c.question.inputs[t];
    const auto width = c.question.op->inputs[t].index ? sizeof(std::int64_t) : static_cast<std::size_t>(c.question.format->bytes());
    store(storage[t], width, tensor, strides_of(tensor.shape, c.layout, false));
  }
  return storage;
}

}  // namespace

Execution execute(host::Worker& worker, int kernel, const Case& c, bool decoy) {
  const Format& f = *c.question.format;
  Execution e;
  if (decoy) {
    Case other = c;
    for (std::size_t t = 0; t < other.question.inputs.size(); ++t)
      if (!c.question.op->inputs[t].index)
        for (Bits& b : other.question.inputs[t].values) b = *exact_bits(f, b == *exact_bits(f, 0.5) ? 0.25 : 0.5);
    lay_out(worker, kernel, other);
    worker.run(poison(f, true));  // whatever becomes of it, the case itself follows
  }
  const auto storage = lay_out(worker, kernel, c);
  const Operator& op = *c.question.op;
  const Shapes shapes = c.question.output_shapes();
  std::vector<bool> poisoned;  // an in-out tensor keeps what it held where it is not written
  std::vector<Bits> results[2];
  for (const bool second : {false, true}) {
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
      const bool updated = tensor < op.inputs.size();
      load(storage[tensor], f, shapes[j], strides_of(shapes[j], c.layout, !updated && !c.layout.in_place), results[second ? 1 : 0]);
      poisoned.resize(results[second ? 1 : 0].size(), !updated && !c.layout.in_place);
    }
  }
  const auto& first = results[0];
  const auto& again = results[1];
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (poisoned[i] && first[i] == poison(f, false) && again[i] == poison(f, true))
      e.unwritten.push_back(i);
    else if (first[i] != again[i])
      e.differing.push_back(i);
  }
  const auto count = static_cast<std::int64_t>(again.size());
  e.output = Tensor<Bits>(Shape{count}, std::move(results[1]));
  return e;
}

}  // namespace karat::properties
