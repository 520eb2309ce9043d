// SPDX-License-Identifier: MIT
// A case as a folder that anybody can read and fill: case.json and a .npy file a tensor.
//
//   {"name": "softmax-f32-3", "op": "softmax", "attributes": {"axis": 0},
//    "inputs":  [{"name": "x", "dtype": "f32", "shape": [4], "file": "x.npy"}],
//    "outputs": [{"name": "y", "dtype": "f32", "shape": [4], "file": "y.npy"}]}
//
// Whoever computes it puts the outputs' files there; `karat judge` judges them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "properties/acceptance.hpp"
#include "properties/golden/npy.hpp"

namespace karat::properties {

struct CaseFolder {
  std::string name;
  Question question;
  struct Output {
    std::string name, file;
    Shape shape;
    const Format* format = nullptr;
  };
  std::vector<Output> outputs;
};

// Throws FileError for whatever is wrong in it: the file, the tensor, expected, got.
CaseFolder read_case(const std::filesystem::path& folder);
// Creates the folder with case.json and the inputs; it appears as a whole.  Throws FileError, also
// if it is there already.
void write_case(const std::filesystem::path& folder, const std::string& name, const Question& question);

// The exact outputs, rounded once to `f`: one tensor an output.  Throws FileError for an
// element that the precision cap does not decide.
Tensors<Bits> rounded_outputs(const Question& question, const Format& f);

// Verdicts on the outputs that lie in the folder: one a element, in order of the outputs.
struct FolderVerdict {
  std::vector<Judgement> judgements;
  std::vector<Bits> got;
};
FolderVerdict judge_folder(const std::filesystem::path& folder, const CaseFolder& c, const Level& level);

}  // namespace karat::properties
