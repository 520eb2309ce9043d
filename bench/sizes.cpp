// SPDX-License-Identifier: MIT
#include "bench/sizes.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "bench/bench.hpp"
#include "bench/plan.hpp"
#include "properties/nearest.hpp"
#include "reference/numbers/format.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB;
constexpr std::size_t most_bytes = 256 * MiB;

const std::array<std::string, 4> names{"small", "L1", "L2", "DRAM"};

// Of the first processor's cache of this level that holds data: what its cores share, where the C library
// counts all sockets' on some processors.
std::size_t cache_bytes(int level, int name) {
  for (int index = 0; index < 16; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    int its_level = 0;
    std::string type;
    std::size_t kib = 0;
    if (!(std::ifstream(folder + "level") >> its_level)) break;
    if (its_level == level && std::ifstream(folder + "type") >> type && type != "Instruction" && std::ifstream(folder + "size") >> kib) return kib * KiB;
  }
  return static_cast<std::size_t>(std::max(0L, sysconf(name)));
}

std::size_t available_memory() {
  std::size_t kib = 0;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);)
    if (line.starts_with("MemAvailable:")) kib = std::stoull(line.substr(13));
  std::size_t available = kib * KiB;
  // In a container the machine's memory is not ours.
  std::size_t most = 0, used = 0;
  std::ifstream limit("/sys/fs/cgroup/memory.max"), current("/sys/fs/cgroup/memory.current");
  if (limit >> most && current >> used) available = std::min(available, most > used ? most - used : 0);
  return available;
}

std::size_t last_level(const Caches& caches) {
  const std::size_t known = std::max(caches.l2, caches.l3);
  return known > 0 ? known : 8 * MiB;
}

std::size_t bytes_of(const Operator& op, const Format& f, const Shapes& inputs, const Attributes& attributes) {
  std::size_t bytes = 0;
  for (std::size_t t = 0; t < inputs.size(); ++t) bytes += static_cast<std::size_t>(element_count(inputs[t])) * width_of(op, f, t);
  for (const Shape& y : op.output_shapes(inputs, attributes)) bytes += static_cast<std::size_t>(element_count(y) * f.bytes());
  return bytes;
}

// Four significant bits: what is pooled has to be divided.
std::int64_t even(std::int64_t n) {
  std::int64_t unit = 1;
  while (n / unit >= 16) unit *= 2;
  return n / unit * unit;
}

class Growth {
 public:
  Growth(const Operator& op, const Format& f, const Example& example, std::size_t most)
      : op_(op), f_(f), attributes_(attributes_of(op, example)), extents_(op, example.shapes, attributes_), most_(most), factors_(extents_.groups().size(), 1) {
    const Shapes before = op.output_shapes(extents_.inputs(), attributes_);
    for (std::size_t g = 0; g < factors_.size(); ++g) {
      std::vector<std::int64_t> twice = extents_.values();
      twice[g] *= 2;
      const auto inputs = extents_.with(twice);
      bool smaller = !inputs;
      if (inputs) {
        const Shapes after = op.output_shapes(*inputs, attributes_);
        for (std::size_t j = 0; j < after.size(); ++j) smaller = smaller || element_count(after[j]) < element_count(before[j]);
      }
      if (!smaller) growing_.push_back(g);
    }
  }

  CallShapes grow() {
    std::vector<std::size_t> open = growing_;
    while (!open.empty()) {  // the shortest is doubled
      const auto least = std::min_element(open.begin(), open.end(), [&](std::size_t a, std::size_t b) { return extent(a) < extent(b); });
      factors_[*least] *= 2;
      if (fits()) continue;
      factors_[*least] /= 2;
      open.erase(least);
    }
    for (const std::size_t g : growing_) {  // and what is left goes to whichever can take it
      const std::int64_t now = factors_[g];
      const double room = static_cast<double>(most_) / static_cast<double>(std::max<std::size_t>(1, bytes_of(op_, f_, *inputs(), attributes_)));
      for (factors_[g] = even(static_cast<std::int64_t>(static_cast<double>(now) * room)); factors_[g] > now && !fits(); factors_[g] = even(factors_[g] - 1)) {
      }
      factors_[g] = std::max(factors_[g], now);
    }
    return {*inputs(), attributes_};
  }

 private:
  static Attributes attributes_of(const Operator& op, const Example& example) {
    Attributes a = standard_attributes(op);
    for (const auto& [name, value] : example.attributes) a.values[name] = value;
    return a;
  }
  std::int64_t extent(std::size_t g) const { return extents_.groups()[g].extent * factors_[g]; }
  std::optional<Shapes> inputs() const {
    std::vector<std::int64_t> values;
    for (std::size_t g = 0; g < factors_.size(); ++g) values.push_back(extent(g));
    return extents_.with(values);
  }
  bool fits() const {
    const auto shapes = inputs();
    return shapes && bytes_of(op_, f_, *shapes, attributes_) <= most_;
  }

  const Operator& op_;
  const Format& f_;
  Attributes attributes_;
  Extents extents_;
  std::size_t most_;
  std::vector<std::int64_t> factors_;
  std::vector<std::size_t> growing_;
};

CallShapes grown(const Operator& op, const Format& f, std::size_t bytes) {
  for (const Example& example : op.examples) {
    bool empty = true;
    for (const Shape& shape : example.shapes) empty = empty && element_count(shape) == 0;
    if (!empty) return Growth(op, f, example, bytes).grow();
  }
  throw Refused(op.name + " has no example to make a call of: --call says the shapes");
}

}  // namespace

std::span<const std::string> size_names() { return names; }
std::string size_warning() { return warning_for(machine_caches()); }

Caches machine_caches() {
  static const Caches caches{cache_bytes(1, _SC_LEVEL1_DCACHE_SIZE), cache_bytes(2, _SC_LEVEL2_CACHE_SIZE),
                             std::max(cache_bytes(3, _SC_LEVEL3_CACHE_SIZE), cache_bytes(4, _SC_LEVEL4_CACHE_SIZE)),
                             available_memory()};
  return caches;
}

std::size_t bytes_for(const std::string& size, const Caches& caches) {
  // Where the system does not say: what nearly every processor has at least.
  if (size == "small") return 0;
  if (size == "L1") return (caches.l1 > 0 ? caches.l1 : 32 * KiB) / 2;
  if (size == "L2") return (caches.l2 > 0 ? caches.l2 : 256 * KiB) / 2;
  if (size != "DRAM")
    throw std::invalid_argument(properties::unknown("size", size, {names.begin(), names.end()}));
  const std::size_t available =
      caches.available > 0 ? caches.available : std::numeric_limits<std::size_t>::max();
  return std::min({4 * last_level(caches), most_bytes, available / 4});
}

std::string warning_for(const Caches& caches) {
  const std::size_t bytes = bytes_for("DRAM", caches), wanted = 4 * last_level(caches);
  if (bytes >= wanted) return {};
  return "size DRAM: the tensors fill " + std::to_string(bytes / MiB) + " MiB, less than four times the " +
         std::to_string(last_level(caches) / MiB) +
         " MiB of the last-level cache: part of them may come from there";
}

CallShapes shapes_for(const Operator& op, const Format& f, std::size_t bytes) {
  if (op.independence == Independence::whole) return grown(op, f, bytes);
  const std::size_t tensors = op.inputs.size() + op.outputs.size();
  const auto elements = static_cast<std::int64_t>(bytes / (tensors * static_cast<std::size_t>(f.bytes())));
  CallShapes call{{}, standard_attributes(op)};
  Shape shape{bytes == 0 ? 16 : std::max<std::int64_t>(0, elements - 1) / 64 * 64 + 1};
  if (op.independence == Independence::along_axis) {
    const std::int64_t columns = bytes == 0 ? 16 : elements >= 16 * 1024 ? 1024 : 128;
    shape = {std::max<std::int64_t>(1, elements / columns), columns};
    call.attributes.values["axis"] = std::int64_t{1};
  }
  call.inputs.assign(op.inputs.size(), shape);
  return call;
}

}  // namespace karat::bench
