// SPDX-License-Identifier: MIT
// From the repetitions' times to the figures of a record.
#include <algorithm>
#include <cmath>

#include "bench/bench.hpp"
#include "bench/statistics.hpp"

namespace karat::bench {

void conclude(Timing& t, std::vector<double> seconds, const MachineFigures& machine) {
  const double usual = median(seconds);
  if (!(usual > 0 && std::isfinite(usual))) {
    t.reason = "not judged: the clock is too coarse for a call this short";
    return;
  }
  t.verified = true;
  t.repetitions = static_cast<int>(seconds.size());
  const auto [least, greatest] = std::minmax_element(seconds.begin(), seconds.end());
  t.min_seconds = *least;
  t.median_seconds = usual;
  t.max_seconds = *greatest;
  t.spread = spread(seconds);
  t.ns_per_element = usual * 1e9 / static_cast<double>(std::max<std::int64_t>(1, t.elements));
  t.gb_per_s = static_cast<double>(t.bytes()) / usual * 1e-9;
  if (t.flops) t.gflop_per_s = *t.flops / usual * 1e-9;
  t.seconds = std::move(seconds);
  t.machine = machine;
  if (machine.copy_gb_per_s > 0) {
    t.copy_seconds = static_cast<double>(t.bytes()) / machine.copy_gb_per_s * 1e-9;
    t.ratio_to_copy = usual / t.copy_seconds;
  }
  t.limit = limit_of(t.read, t.written, t.flops, machine);
  if (t.limit) t.share_of_limit = t.limit->seconds / usual;
}

void compare(std::span<Timing> timings) {
  for (Timing& fast : timings)
    for (const Timing& slow : timings) {
      if (&fast == &slow || !fast.verified || !slow.verified || !(fast.median_seconds < slow.median_seconds)) continue;
      const double p = mann_whitney(fast.seconds, slow.seconds);
      if (p < significant) fast.faster_than.push_back({slow.plugin, slow.kernel, slow.median_seconds / fast.median_seconds, p});
    }
}

}  // namespace karat::bench
