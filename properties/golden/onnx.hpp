// SPDX-License-Identifier: MIT
// ONNX backend node tests as cases: model.onnx of one node, test_data_set_*/input_*.pb, output_*.pb.
// Their expected outputs are judged against exact values, for the operators that the catalogue
// shares with ONNX.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "properties/golden/case_folder.hpp"

namespace karat::properties {

// One operator call that a node test makes, and what it expects of it.
struct OnnxCase {
  Question question;
  Tensors<Bits> expected;  // of the operator's first outputs, as many as the test has
};

struct OnnxTest {
  std::string name, onnx_operator;
  std::string op;      // the catalogue's, once mapped
  bool shared = false; // the catalogue has the operator
  std::string reason;  // not empty: why it does not apply
  std::vector<OnnxCase> cases;
};

// A folder of one test (it has a model.onnx), or of many.  Throws FileError for what cannot be
// read; a test that does not apply has its reason.
std::vector<OnnxTest> read_onnx(const std::filesystem::path& folder);

// The largest |expected − exact| / (atol + rtol |exact|) with ONNX's own tolerances for node
// tests, rtol 1e-3 and atol 1e-7: at most 1 agrees.  And the largest difference in ulps.
struct OnnxAgreement {
  double of_tolerance = 0, ulps = 0;
  std::size_t results = 0;
};
OnnxAgreement agreement(const OnnxTest& test);

}  // namespace karat::properties
