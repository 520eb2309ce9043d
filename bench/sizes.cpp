// SPDX-License-Identifier: MIT
#include "bench/sizes.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "bench/bench.hpp"
#include "properties/nearest.hpp"
#include "reference/numbers/format.hpp"

namespace karat::bench {
namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB;
constexpr std::size_t most_bytes = 256 * MiB;

const std::array<std::string, 3> names{"L1", "L2", "DRAM"};

std::size_t configured(int name) { return static_cast<std::size_t>(std::max(0L, sysconf(name))); }

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

}  // namespace

std::span<const std::string> size_names() { return names; }
std::string size_warning() { return warning_for(machine_caches()); }

Caches machine_caches() {
  static const Caches caches{configured(_SC_LEVEL1_DCACHE_SIZE), configured(_SC_LEVEL2_CACHE_SIZE),
                             std::max(configured(_SC_LEVEL3_CACHE_SIZE), configured(_SC_LEVEL4_CACHE_SIZE)),
                             available_memory()};
  return caches;
}

std::size_t bytes_for(const std::string& size, const Caches& caches) {
  // Where the system does not say: what nearly every processor has at least.
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

Shape shape_for(const Operator& op, const Format& f, std::size_t bytes) {
  const std::size_t tensors = op.inputs.size() + op.outputs.size();
  const auto elements = static_cast<std::int64_t>(bytes / (tensors * static_cast<std::size_t>(f.bytes())));
  if (op.independence == Independence::elementwise)
    return {std::max<std::int64_t>(0, elements - 1) / 64 * 64 + 1};
  const std::int64_t columns = elements >= 16 * 1024 ? 1024 : 128;
  return {std::max<std::int64_t>(1, elements / columns), columns};
}

}  // namespace karat::bench
