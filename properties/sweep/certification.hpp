// SPDX-License-Identifier: MIT
// Certifies the fast tier of an operator at all its inputs: hours of work, in parts that are kept.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "properties/sweep/state_file.hpp"
#include "reference/fast/certify.hpp"

namespace karat::properties {

struct Certification {
  std::string op, dtype, inputs;    // "x = 1" for the inputs that are fixed
  fast::Certificate certificate;
  std::uint64_t done = 0, all = 0;  // parts
  double seconds = 0;               // of this run
  bool complete() const { return done == all; }
  bool holds() const { return complete() && certificate.wrong == 0; }
};

struct CertifyOptions {
  std::filesystem::path folder;  // states are kept in; empty: nowhere
  int threads = 1;
  std::uint64_t first_part = 0, parts = ~std::uint64_t{0};  // for tests: only these
  std::function<bool()> stop = [] { return false; };
  std::function<void(const Certification&)> progress = [](const Certification&) {};
};

// All finite inputs but 0 of the last input, the others 1.  Throws SweepError for a state that does not fit.
Certification certify_operator(const Operator& op, const Format& format, const CertifyOptions& options);

// Of the sources that the fast tier is made of, formulas included: what a certificate is of.
std::string fast_tier_digest();

}  // namespace karat::properties
