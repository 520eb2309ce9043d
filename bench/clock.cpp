// SPDX-License-Identifier: MIT
#include "bench/clock.hpp"

#include <fmt/format.h>

namespace karat::bench {
namespace {

constexpr double tolerance = 1.02, coarse = 1e-3;  // of a sum that is too long: two clocks' rates and grains
// Of a difference that is too short: whatever else the machine does takes from both, a little from between calls.
constexpr double factor = 2, slack = 5e-3, between_calls = 2e-6;
constexpr double enough = 5e-3;  // seconds that are worth comparing

}  // namespace

void ClockCheck::add(std::int64_t calls, double worker_seconds, double host_seconds, double apart) {
  const Request r{calls, worker_seconds, host_seconds, apart};
  if (worker_seconds > tolerance * host_seconds + coarse && !longer_) longer_ = r;
  if (!few_ || calls < few_->calls || (calls == few_->calls && host_seconds < few_->host)) few_ = r;
  if (!many_ || calls > many_->calls || (calls == many_->calls && host_seconds < many_->host)) many_ = r;
}

std::optional<std::string> ClockCheck::fault() const {
  if (longer_) return fmt::format("the worker's clock runs ahead: it says {:.3g} s of {} calls that the host waited {:.3g} s for", longer_->worker, longer_->calls, longer_->host);
  if (!few_ || few_->calls == many_->calls) return std::nullopt;
  const auto calls = many_->calls - few_->calls;
  const double host = many_->host - few_->host, worker = many_->worker - few_->worker;
  if (host > enough && host > factor * worker + slack + static_cast<double>(calls) * (between_calls + many_->apart))
    return fmt::format("the worker's clock runs behind: {} calls more took the host {:.3g} s, and it says {:.3g} s", calls, host, worker);
  return std::nullopt;
}

}  // namespace karat::bench
