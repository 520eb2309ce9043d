// SPDX-License-Identifier: MIT
// Numbers that know what their roundings cost.  An algorithm run over Priced leaves a tape: for
// every elementary rounding how large it can be and how much each result moves with it.
//
//   PriceTape tape(format(Dtype::f32), true);
//   const Priced x = tape.input(3.5);
//   const Priced y = exp(x) / (1 + exp(x));     // the algorithm's own template
//   tape.budget(y)                              // what a careful kernel can be off by, here
//
// Values are carried in double, and f64 algorithms so in the working format itself; partial
// derivatives and costs have a wider exponent range.  The last node's own rounding is not charged
// where the result is stored in the format that computes: rounding to it is the reader's.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "reference/numbers/format.hpp"

namespace karat {

class PriceTape;

struct Priced {
  double value = 0;
  PriceTape* tape = nullptr;  // null: a constant
  int node = -1;              // −1: exact
  double factor = 1;          // this is the node's value times ±2^k
  bool derived = false;       // a constant that was computed from constants
  bool beyond = false;        // something it was made from overflowed the working format

  Priced() = default;
  Priced(int constant) : value(constant) {}  // NOLINT: formulas write 1 + x
  explicit Priced(double constant) : value(constant) {}

  friend Priced operator+(const Priced& x, const Priced& y);
  friend Priced operator-(const Priced& x, const Priced& y);
  friend Priced operator-(const Priced& x);
  friend Priced operator*(const Priced& x, const Priced& y);
  friend Priced operator/(const Priced& x, const Priced& y);
  friend Priced exp(const Priced& x);
  friend Priced expm1(const Priced& x);
  friend Priced log(const Priced& x);
  friend Priced log1p(const Priced& x);
  friend Priced sqrt(const Priced& x);
  friend Priced max(const Priced& x, const Priced& y) { return x.value > y.value || x.value != x.value ? x : y; }
  friend Priced min(const Priced& x, const Priced& y) { return x.value > y.value || y.value != y.value ? y : x; }
  friend Priced abs(const Priced& x) { return x.value < 0 ? -x : x; }
  // Σ of the terms in any order: one node.
  friend Priced sum(const std::vector<Priced>& terms);

  friend bool operator<(const Priced& x, const Priced& y) { return x.value < y.value; }
  friend bool operator>(const Priced& x, const Priced& y) { return x.value > y.value; }
  friend bool operator<=(const Priced& x, const Priced& y) { return x.value <= y.value; }
  friend bool operator>=(const Priced& x, const Priced& y) { return x.value >= y.value; }
};

// What careful means.
struct Care {
  double primitive_ulps = 1;     // of exp, expm1, log, log1p
  bool sequential_sums = false;  // n − 1 roundings in a sum of n terms, however many
  bool operator==(const Care&) const = default;
};

class PriceTape {
 public:
  // `compute`: the format of the arithmetic.  `stored`: results are stored in that format.
  // With a seed every node is moved by its own cost in a random direction.
  PriceTape(const Format& compute, bool stored, Care care = {}, std::uint64_t seed = 0);
  PriceTape(const PriceTape&) = delete;
  PriceTape& operator=(const PriceTape&) = delete;

  Priced input(double value);

  // Too large for the format of the arithmetic.  NaN is not: it comes of 0/0 and the like.
  bool overflows(double value) const { return value < -largest_ || value > largest_; }

  // Σ_k cost_k |∂y/∂v_k| over the roundings behind y.
  long double budget(const Priced& y);

  // What of that y's own node would cost more if others followed: the rounding that is the reader's.
  long double last_rounding(const Priced& y) const;

  // Nothing behind y rounds, in whatever order its sums are taken: every product is a number of the
  // format, and the terms of every sum are multiples of a quantum that all partial sums are too.
  bool exact(const Priced& y);

  struct Share {
    const char* what;    // "exp", "×", "sum"
    double value;        // of the node
    std::size_t terms;   // of a sum
    long double moves;   // ∂y/∂v
    long double cost;    // |∂y/∂v| · cost
  };
  // The same, node by node.
  std::vector<Share> shares(const Priced& y);

  std::size_t size() const { return nodes_.size(); }

 private:
  friend struct Priced;
  friend Priced operator+(const Priced&, const Priced&);
  friend Priced operator*(const Priced&, const Priced&);
  friend Priced operator/(const Priced&, const Priced&);
  friend Priced sqrt(const Priced&);
  friend Priced exp(const Priced&);
  friend Priced expm1(const Priced&);
  friend Priced log(const Priced&);
  friend Priced log1p(const Priced&);
  friend Priced sum(const std::vector<Priced>&);

  struct Operand {
    const Priced& number;
    long double partial;
  };
  struct Edge {
    int parent;
    long double partial;
  };
  struct Node {
    const char* what;
    double value;
    std::size_t first, edges;  // in edges_
    std::size_t terms;
    long double inside, last;  // cost, where others follow and where none does
    bool exact = false;
  };
  // c: roundings; `exact_if_small`: no error among subnormals.
  Priced push(const char* what, double value, std::initializer_list<Operand> operands, double inside, double last, bool exact_if_small, bool exact = false);
  Priced push_sum(const std::vector<Priced>& terms);
  bool sums_exactly(std::span<const double> terms) const;
  Priced finish(Node node, double wobble);
  Priced constant(const Priced& c);  // with its rounding, if it takes one
  void connect(Node& node, const Operand& operand, bool& beyond);
  long double magnitude(double value) const;
  // Factors taken in another order may underflow once more.
  double roundings_of_product(double value) const { return value > -smallest_ && value < smallest_ ? 2 : 1; }
  template <class See>
  void sweep(const Priced& y, See see);

  const Format& compute_;
  bool stored_;
  Care care_;
  bool moves_;
  std::mt19937_64 random_;
  long double unit_;         // half the spacing at 1
  double smallest_, largest_;  // normal, finite
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<long double> adjoint_;  // of a sweep; 0 between sweeps
  std::vector<char> touched_;
};

inline double plain_value(const Priced& x) { return x.value; }
inline bool not_a_number(const Priced& x) { return x.value != x.value; }
inline bool is_exact_zero(const Priced& x) { return x.tape == nullptr && x.value == 0; }

}  // namespace karat
