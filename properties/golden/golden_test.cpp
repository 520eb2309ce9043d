// SPDX-License-Identifier: MIT
// Case folders: written, read back, judged; each mistake in one is named.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "properties/golden/case_folder.hpp"
#include "properties/generate.hpp"
#include "properties/rapid.hpp"
#include "properties/replay.hpp"
#include "properties/whole_tensor.hpp"

using namespace karat;
using namespace karat::properties;
using Catch::Contains;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("karat-golden-" + std::to_string(getpid()));
  Folder() { fs::remove_all(path); }
  ~Folder() { fs::remove_all(path); }
};

std::string refusal(const fs::path& folder) {
  try {
    read_case(folder);
  } catch (const FileError& e) {
    return e.what();
  }
  return "accepted";
}

void replace(const fs::path& file, const std::string& from, const std::string& to) {
  std::string text = read_text(file, 1 << 20);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_text(file, text.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("a case folder reads back to the same question, for every operator and dtype") {
  host::KernelRow any;
  for (const Operator& op : operators())
    for (const Format& f : formats())
      for (int i = 0; i < 3; ++i) {
        const Folder folder;
        any.op = op.name;
        const Question q = random_case(op, f, any, 5, i).question;
        INFO(op.name << " " << f.name << " " << i);
        write_case(folder.path, "it", q);
        const CaseFolder back = read_case(folder.path);
        CHECK(back.name == "it");
        CHECK(back.question.op == q.op);
        CHECK(back.question.format == q.format);
        CHECK(back.question.attributes == q.attributes);
        for (std::size_t t = 0; t < q.inputs.size(); ++t) {
          CHECK(back.question.inputs[t].shape == q.inputs[t].shape);
          CHECK(back.question.inputs[t].values == q.inputs[t].values);
        }
      }
}

TEST_CASE("exact outputs pass at every level, and a result a few ulps off fails with its place") {
  const Folder folder;
  const Question q = parse_question(*find_operator("softmax_cross_entropy_backward"), format(Dtype::f32),
                                    "dy=scalar:[1] x=2x3:[1,2,3,-1,0,0.5] t=2:[2,0]");
  write_case(folder.path, "it", q);
  const CaseFolder c = read_case(folder.path);
  Tensors<Bits> y = rounded_outputs(q, format(Dtype::f32));
  REQUIRE(y.size() == 1);
  write_npy(folder.path / c.outputs[0].file, "f32", y[0]);
  for (const char* level : {"exact", "faithful", "max-ulp 4"}) {
    const FolderVerdict v = judge_folder(folder.path, c, *parse_level(level));
    REQUIRE(v.judgements.size() == 6);
    for (const Judgement& j : v.judgements) CHECK(j.ok);
  }
  y[0].values[4] += 100;
  write_npy(folder.path / c.outputs[0].file, "f32", y[0]);
  const FolderVerdict v = judge_folder(folder.path, c, default_level);
  for (std::size_t i = 0; i < 6; ++i) CHECK(v.judgements[i].ok == (i != 4));
  CHECK(v.judgements[4].ulps == Approx(100).margin(1));
}

TEST_CASE("a case too large for tapes is judged as whole tensors") {
  const Folder folder;
  const Question q = filled(*find_operator("mean_pool2d"), format(Dtype::f32), {.shapes = {{2, 8, 24, 24}}, .attributes = {{"kernel_shape", std::vector<std::int64_t>{3, 3}}}}, Fill::usual, 1);
  write_case(folder.path, "large", q);
  const CaseFolder c = read_case(folder.path);
  CHECK(takes_whole_tensors(c.question, default_level));
  Tensor<Bits> y(q.output_shapes()[0]);
  const std::vector<Compensated> exact = compensated(q, format(Dtype::f32));
  for (std::size_t i = 0; i < exact.size(); ++i) y.values[i] = *round_nearest(format(Dtype::f32), Enclosure(exact[i].high));
  REQUIRE(y.values.size() > 1500);
  y.values[1500] ^= 0x40000;
  write_npy(folder.path / c.outputs[0].file, "f32", y);
  const FolderVerdict v = judge_folder(folder.path, c, default_level);
  for (std::size_t i = 0; i < v.judgements.size(); ++i) CHECK(v.judgements[i].ok == (i != 1500));
  CHECK_THAT(exact_in_whole_tensors(c.question, 1500), Contains("0x1.") && Contains("…p"));
  CHECK((exact_in_whole_tensors(c.question, 1500)[0] == '-') == (exact[1500].high < 0));
}

TEST_CASE("each mistake in a case folder is named with file, expected and got") {
  const Folder folder;
  const auto fresh = [&] {
    fs::remove_all(folder.path);
    write_case(folder.path, "it", parse_question(*find_operator("mse_loss"), format(Dtype::f32), "x=2x2:[1,2,3,4] t=2x2:[0*4]"));
  };
  const fs::path json = folder.path / "case.json", x = folder.path / "x.npy";
  fresh();
  CHECK(refusal(folder.path) == "accepted");
  CHECK_THAT(refusal(folder.path / "nowhere"), Contains("is no folder"));
  fs::remove(x);
  CHECK_THAT(refusal(folder.path), Contains("x.npy: there is no such file"));
  fresh();
  fs::resize_file(x, fs::file_size(x) - 3);
  CHECK_THAT(refusal(folder.path), Contains("is truncated: shape (2, 2) of f32 asks for 16 bytes, got 13"));
  fresh();
  fs::resize_file(x, 40);
  CHECK_THAT(refusal(folder.path), Contains("cut off in its header"));
  fresh();
  replace(x, "'<f4'", "'<f8'");
  CHECK_THAT(refusal(folder.path), Contains("dtype '<f8': expected '<f4' for f32"));
  fresh();
  replace(x, "'<f4'", "'>f4'");
  CHECK_THAT(refusal(folder.path), Contains("is big-endian"));
  fresh();
  replace(x, "'fortran_order': False", "'fortran_order': True ");
  CHECK_THAT(refusal(folder.path), Contains("Fortran order"));
  fresh();
  replace(x, "(2, 2)", "(4, 1)");
  CHECK_THAT(refusal(folder.path), Contains("expected shape (2, 2)") && Contains("got (4, 1)"));
  fresh();
  write_text(x, "no array");
  CHECK_THAT(refusal(folder.path), Contains("expected a .npy file"));
  fresh();
  write_text(json, "{");
  CHECK_THAT(refusal(folder.path), Contains("expected a JSON object"));
  fresh();
  replace(json, "\"mse_loss\"", "\"mse_los\"");
  CHECK_THAT(refusal(folder.path), Contains("did you mean mse_loss"));
  fresh();
  replace(json, "\"reduction\": \"mean\"", "\"reduction\": \"median\"");
  CHECK_THAT(refusal(folder.path), Contains("expected one of mean, sum, none, got 'median'"));
  fresh();
  replace(json, "\"x.npy\"", "\"../x.npy\"");
  CHECK_THAT(refusal(folder.path), Contains("the name of a file in this folder"));
  fresh();
  replace(json, "\"name\": \"t\"", "\"name\": \"x\"");
  CHECK_THAT(refusal(folder.path), Contains("input x is there twice"));
  fresh();
  CHECK_THROWS_AS(write_case(folder.path, "again", read_case(folder.path).question), FileError);
}

TEST_CASE("damaged case files are read or refused, and never crash") {
  const Folder folder;
  write_case(folder.path, "it", parse_question(*find_operator("conv2d"), format(Dtype::f16), "x=1x1x3x3:[1*9] w=1x1x2x2:[1*4] padding=[1,0,0,1]"));
  std::mt19937 random(3);
  int accepted = 0;
  for (const char* name : {"case.json", "x.npy"}) {
    const std::string original = read_text(folder.path / name, 1 << 20);
    for (int i = 0; i < 2000; ++i) {
      std::string text = original;
      for (unsigned k = 0; k < 1 + random() % 3; ++k) {
        const std::size_t at = random() % text.size();
        if (random() % 4 == 0) text.erase(at, 1 + random() % 5);
        else text[at] = static_cast<char>(random() % 4 == 0 ? random() : 32 + random() % 95);
        if (text.empty()) text = " ";
      }
      std::ofstream(folder.path / name, std::ios::binary | std::ios::trunc) << text;
      accepted += refusal(folder.path) == "accepted" ? 1 : 0;
    }
    write_text(folder.path / name, original);
  }
  CHECK(accepted > 20);
  CHECK(refusal(folder.path) == "accepted");
}
