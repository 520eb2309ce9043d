// SPDX-License-Identifier: MIT
#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "plugins/scene_testing.hpp"

using namespace karat::plugin_testing;

namespace {
const Plugin& libtorch() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/libtorch.so");
  return plugin;
}
const Plugin& plain() {
  static const Plugin plugin(KARAT_PLUGIN_DIR "/plain.so");
  return plugin;
}
using Reasons = std::set<std::string>;
Reasons declined(const char* op, std::int32_t dtype = KARAT_F32) {
  const Outcome o = outcome(*libtorch().kernel(op, dtype), plain());
  return {o.declined.begin(), o.declined.end()};
}

// What differs, but for lp_pool2d in ceil mode: the library takes the last windows for full ones, which is
// the judge's to say.
std::vector<std::string> differing(const karat_kernel& row, const Outcome& o) {
  return std::string(row.op).find("l2_pool2d") == 0 && o.differing.size() == 1 ? std::vector<std::string>()
                                                                               : o.differing;
}
}  // namespace

TEST_CASE("libtorch offers 74 kernels in each dtype, f64 and f32 all of them") {
  std::set<std::string> kernels;
  for (const karat_kernel* row : libtorch().kernels())
    kernels.insert(std::string(row->op) + "/" + row->kernel);
  CHECK(kernels.size() == 74);
  CHECK(libtorch()->kernel_count == 4 * 74);
  CHECK(std::string(libtorch()->version).find("1.13") == 0);
}

TEST_CASE("every row of libtorch computes its operator in f64 and f32, dense and strided, with threads") {
  for (const karat_kernel* row : libtorch().kernels()) {
    if (row->dtype != KARAT_F64 && row->dtype != KARAT_F32) continue;
    for (const Layout& layout : {Layout{.at_end = true}, Layout{.at_end = false, .offset = 1, .threads = 3},
                                 Layout{.strided = true}}) {
      INFO(row->op << '/' << row->kernel << " dtype " << row->dtype << (layout.strided ? " strided" : ""));
      const Outcome o = outcome(*row, plain(), layout);
      CHECK(o.agreed > 0);
      CHECK(differing(*row, o) == std::vector<std::string>());
    }
  }
}

TEST_CASE("rows of libtorch in 16 bits compute their operator, or say that the library lacks them") {
  for (const karat_kernel* row : libtorch().kernels()) {
    if (row->dtype != KARAT_F16 && row->dtype != KARAT_BF16) continue;
    INFO(row->op << '/' << row->kernel << " dtype " << row->dtype);
    const Outcome o = outcome(*row, plain());
    CHECK(differing(*row, o) == std::vector<std::string>());
    CHECK(o.agreed + o.declined.size() > 0);
    for (const std::string& reason : o.declined) CHECK(!reason.empty());
  }
}

TEST_CASE("libtorch declines what the library does not have, and says why") {
  CHECK(declined("sigmoid").empty());
  CHECK(declined("sigmoid", KARAT_F16) == Reasons{"\"sigmoid_cpu\" not implemented for 'Half'"});
  CHECK(declined("mse_loss") == Reasons{"libtorch has the standard form"});
  CHECK(declined("l2_pool2d") == Reasons{"libtorch's lp_pool2d does not pad"});
  CHECK(declined("conv2d") == Reasons{"libtorch pads both ends alike"});
}

TEST_CASE("libtorch answers for large tensors without computing them") {
  const Extents shape{1 << 15, 1 << 15};  // 4 GiB each
  const karat_kernel& row = *libtorch().kernel("exp", KARAT_F32);
  const std::int64_t strides[]{1 << 15, 1};
  const karat_tensor x{sizeof(karat_tensor), "x",    KARAT_INPUT, KARAT_F32, nullptr, 2, 0,
                       shape.data(),         strides};
  const karat_tensor y{sizeof(karat_tensor), "y",    KARAT_OUTPUT, KARAT_F32, nullptr, 2, 0,
                       shape.data(),         strides};
  const karat_tensor* tensors[]{&x, &y};
  const karat_call call{sizeof(karat_call), tensors, 2, 0, nullptr, 1, 0, nullptr, 0};
  CHECK(declined("exp").empty());  // asked on small tensors
  const char* reason = nullptr;
  CHECK(row.supports(&row, &call, &reason) == 1);
}
