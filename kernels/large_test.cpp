// SPDX-License-Identifier: MIT
// More than 2^31 elements.  A tensor is one window of memory that is mapped again and again, and a last window of
// its own, so that 8 GiB of addresses are a few MiB of memory: what is behind 2^31 must be what a call on that
// window alone gives.
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <memory>
#include <system_error>

#include "kernels/testing_calls.hpp"

namespace karat::kernels::testing {
namespace {

constexpr std::int64_t kWindow = std::int64_t{1} << 20;  // elements
constexpr std::int64_t kWindows = (std::int64_t{1} << 11) + 1;

// kWindows times `bytes` of addresses, an unmapped page behind them.
class Mapped {
 public:
  explicit Mapped(std::size_t bytes) : bytes_(bytes), all_(bytes * static_cast<std::size_t>(kWindows)) {
    const int file = memfd_create("window", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(2 * bytes)) != 0) throw std::system_error(errno, std::generic_category(), "memfd");
    void* const base = mmap(nullptr, all_ + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    base_ = static_cast<std::byte*>(base);
    for (std::int64_t w = 0; w < kWindows; ++w)
      if (mmap(base_ + static_cast<std::size_t>(w) * bytes, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
               w + 1 < kWindows ? 0 : static_cast<off_t>(bytes)) == MAP_FAILED)
        throw std::system_error(errno, std::generic_category(), "mmap of a window");
    close(file);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { munmap(base_, all_ + kPage); }

  std::byte* first() const { return base_; }
  std::byte* last() const { return base_ + all_ - bytes_; }

 private:
  static constexpr std::size_t kPage = 4096;
  std::size_t bytes_, all_;
  std::byte* base_ = nullptr;
};

struct Sampled {
  const char* name;
  std::int32_t role;
  std::vector<std::int64_t> sample;  // shape behind the batch; the batch fills the windows of x
  bool shared = false;               // not along the batch: weights
  double low = -2, high = 2;
};

// The operator on a batch of kWindows windows; the outputs of the last window, against those of that window alone.
void check_batch(const char* op, std::int32_t dtype, const std::vector<Sampled>& tensors, const std::vector<NamedAttribute>& attributes = {}) {
  CAPTURE(op, name_of(dtype));
  const karat_kernel& row = find_named_row(op, dtype);
  const std::size_t size = format_of(dtype).bytes;
  const std::int64_t batch = kWindow / product(tensors[0].sample);
  std::mt19937_64 random(1);
  NamedCall all{{}, attributes, 2}, one{{}, attributes, 1};
  std::vector<std::unique_ptr<Mapped>> memory;
  for (const Sampled& t : tensors) {
    std::vector<std::int64_t> shape = t.sample, whole = t.sample;
    if (!t.shared) {
      shape.insert(shape.begin(), batch);
      whole.insert(whole.begin(), batch * kWindows);
    }
    const auto count = static_cast<std::size_t>(product(shape));
    memory.push_back(std::make_unique<Mapped>((count * size + 4095) / 4096 * 4096));
    std::vector<double> values;
    for (std::byte* const window : {memory.back()->first(), memory.back()->last()}) {
      values.clear();
      for (std::size_t i = 0; i < count && t.role != KARAT_OUTPUT; ++i) {
        values.push_back(random_between(random, dtype, t.low, t.high));
        const std::uint64_t bits = encode(values.back(), dtype);
        std::memcpy(window + i * size, &bits, size);
      }
      if (t.shared) break;
    }
    one.tensors.push_back({t.name, t.role, dtype, shape, values});
    all.tensors.push_back({t.name, t.role, dtype, whole, {}});
  }
  const auto expected = run_named(row, one);

  Spelled spelled(all);
  for (std::size_t t = 0; t < tensors.size(); ++t) spelled.tensor(t).data = memory[t]->first();
  const char* why = nullptr;
  REQUIRE(row.supports(&row, &spelled.call(), &why) == 1);
  const std::size_t scratch = row.scratch_bytes == nullptr ? 0 : row.scratch_bytes(&row, &spelled.call());
  const Guarded scratch_memory((scratch + 63) / 64 * 64, 0, true);
  spelled.call().scratch = scratch > 0 ? scratch_memory.data() : nullptr;
  spelled.call().scratch_size = scratch;
  REQUIRE(row.run(&row, &spelled.call()) == KARAT_OK);
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    if (tensors[t].role == KARAT_INPUT) continue;
    CAPTURE(tensors[t].name);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < expected[t].size(); ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, memory[t]->last() + i * size, size);
      wrong += bits != expected[t][i];
    }
    CHECK(wrong == 0);
  }
}

}  // namespace

TEST_CASE("Elementwise kernels reach behind 2^31 elements") {
  check_batch("sigmoid", KARAT_F32, {{"x", KARAT_INPUT, {}}, {"y", KARAT_OUTPUT, {}}});
  check_batch("relu_backward", KARAT_BF16, {{"dy", KARAT_INPUT, {}}, {"x", KARAT_INPUT, {}}, {"dx", KARAT_OUTPUT, {}}});
}

TEST_CASE("Optimizers reach behind 2^31 parameters") {
  check_batch("momentum", KARAT_F32, {{"theta", KARAT_INOUT, {}}, {"g", KARAT_INPUT, {}}, {"v", KARAT_INOUT, {}}},
              {number("eta", 0.125), number("beta", 0.875), number("dampening", 0), integer("nesterov", 0), number("weight_decay", 0), integer("t", 2)});
}

TEST_CASE("Kernels of rows reach behind 2^31 elements") {
  check_batch("softmax", KARAT_F32, {{"x", KARAT_INPUT, {1024}}, {"y", KARAT_OUTPUT, {1024}}}, {integer("axis", 1)});
  check_batch("layer_norm", KARAT_F32,
              {{"x", KARAT_INPUT, {1024}}, {"gamma", KARAT_INPUT, {1024}, true}, {"beta", KARAT_INPUT, {1024}, true}, {"y", KARAT_OUTPUT, {1024}}},
              {number("eps", 1e-5)});
}

TEST_CASE("Images reach behind 2^31 elements") {
  check_batch("max_pool2d", KARAT_F32, {{"x", KARAT_INPUT, {4, 64, 64}}, {"y", KARAT_OUTPUT, {4, 32, 32}}},
              {list("kernel_shape", {2, 2}), list("stride", {2, 2}), list("padding", {0, 0, 0, 0}), integer("ceil_mode", 0), list("dilation", {1, 1})});
  check_batch("conv2d", KARAT_F32,
              {{"x", KARAT_INPUT, {4, 64, 64}}, {"w", KARAT_INPUT, {4, 4, 1, 1}, true}, {"b", KARAT_INPUT, {4}, true}, {"y", KARAT_OUTPUT, {4, 64, 64}}},
              {list("stride", {1, 1}), list("padding", {0, 0, 0, 0}), list("dilation", {1, 1}), integer("groups", 1)});
}

TEST_CASE("A mean of more than 2^31 terms is one of all of them") {
  const auto windows = static_cast<std::size_t>(kWindow);
  const Mapped x(windows * 4), t(windows * 4);
  const auto fill = [&](const Mapped& mapped, float first, float last) {
    for (std::size_t i = 0; i < windows; ++i) {
      std::memcpy(mapped.first() + i * 4, &first, 4);
      std::memcpy(mapped.last() + i * 4, &last, 4);
    }
  };
  // Each window's mean is 1, the last one's 2^40: seen in the sum if it is read once, and the divisor too.
  fill(x, 1, 0x1p20F);
  fill(t, 0, 0);
  NamedCall call{{{"x", KARAT_INPUT, KARAT_F32, {kWindow * kWindows}}, {"t", KARAT_INPUT, KARAT_F32, {kWindow * kWindows}}, {"y", KARAT_OUTPUT, KARAT_F32, {}}},
                 {text("reduction", "mean"), text("form", "standard")},
                 2};
  Spelled spelled(call);
  float y = 0;
  spelled.tensor(0).data = x.first();
  spelled.tensor(1).data = t.first();
  spelled.tensor(2).data = &y;
  const karat_kernel& row = find_named_row("mse_loss", KARAT_F32);
  REQUIRE(row.supports(&row, &spelled.call(), nullptr) == 1);
  const std::size_t scratch = row.scratch_bytes == nullptr ? 0 : row.scratch_bytes(&row, &spelled.call());
  const Guarded scratch_memory((scratch + 63) / 64 * 64, 0, true);
  spelled.call().scratch = scratch > 0 ? scratch_memory.data() : nullptr;
  spelled.call().scratch_size = scratch;
  REQUIRE(row.run(&row, &spelled.call()) == KARAT_OK);
  CHECK(y == static_cast<float>((0x1p40L + (kWindows - 1)) / kWindows));
}

}  // namespace karat::kernels::testing
