// SPDX-License-Identifier: MIT
// Operators whose outputs are computed element by element from any number of inputs: steps of optimizers,
// losses with a term an element and their gradients.  Blocks go to threads, elements to lanes of double.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/call.hpp"
#include "kernels/operator.hpp"
#include "kernels/sum.hpp"
#include "kernels/uniform.hpp"

namespace karat::kernels {

enum class Stream {
  in,
  inout,
  out,
  broadcast,  // an input of one element for all, or of one an element
  labels,     // an input of i64
  kept,       // an inout that is read and left as it is
  idle,       // an inout that is neither read nor written
  unread,     // an input that decides nothing but the shape
};

struct StreamTensor {
  const char* name;
  Stream kind;
};

inline constexpr int kMaxStreams = kMaxTensors;
inline constexpr int kMaxParameters = 16;
// Partial sums of a part, whatever the vector's length: the order of additions is that of no instruction set.
inline constexpr std::size_t kPartialSums = 16;

// What a lane function works on.  `in` are the tensors that are read and `out` those that are written, inouts among
// both, each in the operator's order; an in may be an out.
struct StreamCall {
  std::array<const void*, kMaxStreams> in{};
  std::array<std::size_t, kMaxStreams> step{};  // 0: the first kPartialSums elements are all there is, and equal
  std::array<void*, kMaxStreams> out{};
  std::size_t count = 0;  // a multiple of kPartialSums
  const double* parameters = nullptr;
  bool integers = false;  // labels are the tensors' i64, not yet doubles
};
using StreamFunction = void (*)(const StreamCall&);

struct PartialSums {
  alignas(64) std::array<double, kPartialSums> hi{}, lo{};
};
using SumFunction = void (*)(const StreamCall&, PartialSums&);
// Adds numbers, after which there is room up to a multiple of kPartialSums, which is zeroed.  `exact` keeps the roundings.
void add_numbers(double* numbers, std::size_t count, bool exact, PartialSums& sums);
Sum total_of(const PartialSums& sums);

// Where the lanes name their labels (kLabels), these may be given as they lie in the tensors.
struct StreamFunctions {
  StreamFunction full;              // f64 tensors
  StreamFunction narrow;            // blocks of f32, f16, bf16 as doubles
  StreamFunction stored = nullptr;  // f32 tensors without gaps; the bits that `narrow` gives
  bool labels_in_place = false;     // labels are given as i64, and never made doubles before
};
inline constexpr bool kLabelsInPlace = true;

struct TermFunctions {
  StreamFunctions each;              // one output: the terms
  SumFunction sum_full = nullptr;    // f64 tensors without gaps; nullptr: of the terms, by blocks
  SumFunction sum_stored = nullptr;  // f32 tensors without gaps
};

// What they run on one target: streams-inl.h makes them from objects with `operator()(const V* in, V* out)`.
struct StreamLanes {
  StreamFunction full, narrow, stored;
};
struct TermLanes {
  StreamLanes each;
  SumFunction sum_full, sum_stored;
};

// `lanes` gives those of the target that is in use.
template <StreamLanes (*lanes)()>
constexpr StreamFunctions functions_of(bool labels_in_place = false) {
  return {.full = [](const StreamCall& call) { lanes().full(call); },
          .narrow = [](const StreamCall& call) { lanes().narrow(call); },
          .stored = [](const StreamCall& call) { lanes().stored(call); },
          .labels_in_place = labels_in_place};
}
template <TermLanes (*lanes)()>
constexpr TermFunctions functions_of(bool labels_in_place = false) {
  return {.each = {.full = [](const StreamCall& call) { lanes().each.full(call); },
                   .narrow = [](const StreamCall& call) { lanes().each.narrow(call); },
                   .stored = [](const StreamCall& call) { lanes().each.stored(call); },
                   .labels_in_place = labels_in_place},
          .sum_full = [](const StreamCall& call, PartialSums& sums) { lanes().sum_full(call, sums); },
          .sum_stored = [](const StreamCall& call, PartialSums& sums) { lanes().sum_stored(call, sums); }};
}

// Reads and checks attributes, and fills in what the lanes need of them.  Touches no data.
using Prepare = void (*)(const Arguments& arguments, std::int64_t elements, double* parameters);

// What a call works on, where its attributes decide which inouts change.
struct StreamVariant {
  std::vector<StreamTensor> tensors;
  StreamFunctions functions;
};

struct StreamsOf {
  About about;
  std::vector<StreamTensor> tensors;  // those of kind `broadcast` after the first of another kind, or among them
  StreamFunctions functions;
  Prepare prepare = nullptr;
  StreamVariant (*variant)(const Arguments& arguments) = nullptr;  // in place of `tensors` and `functions`
};

class Streams final : public Operator {
 public:
  explicit Streams(const StreamsOf& of) : Operator(of.about), of_(of) {}
  const char* declines(std::int32_t dtype, const karat_call& call) const override;
  void run(std::int32_t dtype, const karat_call& call) const override;
  StreamVariant variant_of(const Arguments& arguments) const;

 private:
  StreamsOf of_;
};

// The same terms, and their sum or mean: y has the terms' shape for reduction "none" and is one number otherwise.
struct TermsOf {
  About about;
  std::vector<StreamTensor> tensors;  // inputs alone
  TermFunctions functions;
  Prepare prepare = nullptr;
  // y of the sum of n terms; nullptr: the attribute `reduction` says.
  double (*finish)(double sum, std::int64_t n, const double* parameters) = nullptr;
  // Whether y is each term; nullptr: the attribute `reduction` says.
  bool (*each)(const Arguments& arguments) = nullptr;
};

class Terms final : public Operator {
 public:
  explicit Terms(const TermsOf& of) : Operator(of.about), of_(of) {}
  const char* declines(std::int32_t dtype, const karat_call& call) const override;
  void run(std::int32_t dtype, const karat_call& call) const override;
  // With y, where that is each term.
  std::vector<StreamTensor> tensors_of(const Arguments& arguments) const;

 private:
  bool each(const Arguments& arguments) const;
  TermsOf of_;
};

// Σ term over the elements of the tensors.
Sum sum_of_terms(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors,
                 const TermFunctions& functions, const double* parameters);

// The parts of a Plan that does more: refuses tensors that do not fit and counts the elements; computes them.
std::int64_t count_of_streams(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors);
void map_streams(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors,
                 const StreamFunctions& functions, const double* parameters);

// Stores one number into a tensor of one element.
void store_number(const karat_tensor& tensor, double value);
double load_number(const karat_tensor& tensor);  // of a tensor of one element

}  // namespace karat::kernels
