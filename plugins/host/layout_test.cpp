// SPDX-License-Identifier: MIT
#include "plugins/host/layout.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <set>
#include <vector>

#include "plugins/karat_plugin.h"

using namespace karat::host;

namespace {

CallSpec one_input(std::int64_t size, Placement placement) {
  CallSpec call;
  call.tensors = {{"x", KARAT_INPUT, KARAT_F32, {size}, {1}, placement},
                  {"y", KARAT_OUTPUT, KARAT_F32, {size}, {1}, placement}};
  return call;
}

}  // namespace

TEST_CASE("a pattern is filled and checked from any origin") {
  std::vector<std::byte> bytes(64);
  const std::uint64_t pattern = 0x0807'0605'0403'0201;
  for (std::size_t origin = 0; origin < 16; ++origin)
    for (std::size_t begin = 0; begin < 16; ++begin) {
      std::fill(bytes.begin(), bytes.end(), std::byte{0});
      fill_pattern(bytes.data() + begin, 21, bytes.data() + origin, pattern);
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        const bool inside = i >= begin && i < begin + 21;
        const auto want = static_cast<std::byte>(inside ? (i - origin) % 8 + 1 : 0);
        CHECK(bytes[i] == want);
      }
      std::size_t first = 99;
      CHECK(count_changed(bytes.data() + begin, 21, bytes.data() + origin, pattern, &first) == 0);
      bytes[begin + 5] ^= std::byte{1};
      bytes[begin + 20] ^= std::byte{0x80};
      CHECK(count_changed(bytes.data() + begin, 21, bytes.data() + origin, pattern, &first) == 2);
      CHECK(first == 5);
    }
}

TEST_CASE("bit patterns of an element are repeated to eight bytes") {
  CHECK(widen(0xffff'ffff'7fc0'0001, 4) == 0x7fc0'0001'7fc0'0001);
  CHECK(widen(0x7e01, 2) == 0x7e01'7e01'7e01'7e01);
  CHECK(widen(0x7ff8'0000'0000'0001, 8) == 0x7ff8'0000'0000'0001);
}

TEST_CASE("the hash changes with every single bit and with the length") {
  std::vector<std::byte> bytes(131, std::byte{0x5a});
  std::set<std::uint64_t> seen = {hash_bytes(bytes.data(), bytes.size())};
  std::size_t count = 1;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit, ++count) {
      bytes[i] ^= static_cast<std::byte>(1 << bit);
      seen.insert(hash_bytes(bytes.data(), bytes.size()));
      bytes[i] ^= static_cast<std::byte>(1 << bit);
    }
  for (std::size_t size = 0; size < bytes.size(); ++size, ++count)
    seen.insert(hash_bytes(bytes.data(), size));
  CHECK(seen.size() == count);
}

TEST_CASE("an input that changed between before and after is named, even in its slack") {
  SharedFile inputs("test-inputs", true), outputs("test-outputs", false);
  Layout layout(one_input(8, {Placement::Flush::end, 16}), {}, inputs, outputs);
  const auto spans = layout.spans();
  std::memset(spans[0].data(), 0, spans[0].size());
  for (const int at : {0, 31, 32, 47, -1}) {
    layout.before_call(0x7fc0'0000);
    Outcome clean;
    layout.after_call(clean);
    CHECK(clean.input_changed.empty());
    spans[0].data()[at] ^= std::byte{4};
    Outcome changed;
    layout.after_call(changed);
    CHECK(changed.input_changed == "x differs after the call");
    CHECK(changed.wrote_outside.empty());
  }
}

TEST_CASE("declared over-reads keep the alignment that the placement asked for") {
  SharedFile inputs("test-inputs", true), outputs("test-outputs", false);
  KernelRow row;
  row.over_read = 12;
  row.min_alignment = 32;
  const CallSpec call = one_input(8, {Placement::Flush::end, 0});
  const Layout layout(call, row, inputs, outputs);
  const Region& x = layout.regions()[0];
  CHECK(x.data_offset + x.data_bytes + 32 == x.bytes);
  const Region& y = layout.regions()[1];
  CHECK(y.data_offset + y.data_bytes == y.bytes);
}

TEST_CASE("absurd rows do not make absurd layouts") {
  SharedFile inputs("test-inputs", true), outputs("test-outputs", false);
  for (const std::int32_t over_read : {-5, INT32_MAX})
    for (const std::int32_t alignment : {-8, 3, INT32_MAX, 1 << 30}) {
      KernelRow row;
      row.over_read = over_read;
      row.min_alignment = alignment;
      const Layout layout(one_input(8, {}), row, inputs, outputs);
      CHECK(layout.total_bytes() <= std::size_t{2} << 20);
    }
}
