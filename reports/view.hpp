// SPDX-License-Identifier: MIT
// Records grouped as every format shows them, and the sentences that they share.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "reports/record.hpp"

namespace karat::reports {

struct Row {
  std::string op, kernel;
  std::string label;  // the operator; with the kernel's name where the back end has several for it
  std::map<std::string, const Kernel*> by_dtype;
};

struct BackEnd {
  std::string name;
  const Plugin* plugin = nullptr;  // null if no plugin record came with the kernels
  std::vector<std::string> dtypes;
  std::vector<Row> rows;
  std::vector<const Kernel*> kernels;  // in the rows' order
  Totals totals;  // sweeps included
  std::string timings;  // what they say in all; empty without any
};

// Points into `records`: back ends and operators in their order of appearance.
std::vector<BackEnd> back_ends(const Records&);

// f32, f64, f16, bf16, then the others by name.
void sort_dtypes(std::vector<std::string>&);

// "98 of 98 kernels conform, 2 skipped; 12 kernels timed in 30 benchmarks", or why there are none.
std::string headline(const BackEnd&);

// The kernel's name in sentences: "native/softmax two_pass f32".
std::string label(const Kernel&);
std::string label(const Timing&);

// What a matrix cell says beside its mark: the largest error, or the kind of failure.
std::string cell_figure(const Kernel&);
const char* mark(Verdict);  // ✓ ✗ – !

// The level that a failure is one by.
const std::string& refusing(const Kernel&, const Failure&);
// The error that a level draws its line at (NaN if unknown), and whether the line itself is allowed.
double boundary(const std::string& level);
// "allowed < 1"
std::string allowed_text(const std::string& level, double allowed);
// What a level means, as a sentence; the levels of these records.
std::string level_sentence(const std::string& level);
std::vector<std::string> levels(const Records&);

// "worst of 4,213 failing inputs in [a, b]"; empty if there is nothing to say.
std::string extent(const Failure&);
// "x=0x1p+3, y=0x1p-1"; a lone value without its name.
std::string arguments(const std::vector<Value>&);

// Kernels of one back end with the same verdict and reason, for skips and errors.
struct Reason {
  const Kernel* first = nullptr;
  std::vector<std::string> names;  // "sigmoid f32"
};
std::vector<Reason> reasons(const BackEnd&, Verdict);

// All policies of these records with their sums; elements that were left undecided.
std::map<std::string, std::uint64_t> policies(const Records&);
std::uint64_t undecided(const Records&);
// Cases that could show nothing: constant answers, or answers that no input moves.
std::uint64_t vacuous(const Records&);

// One name and value a line of an environment's table; empty ones are left out.
std::vector<Value> environment_rows(const Run&);

}  // namespace karat::reports
