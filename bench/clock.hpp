// SPDX-License-Identifier: MIT
// The worker's clock held against the host's: times come from a process that a plugin lives in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace karat::bench {

class ClockCheck {
 public:
  // A request of `calls` calls: the worker's seconds of all of them, the host's from asking to answer.
  // `apart`: seconds that the worker may have spent between two calls.
  void add(std::int64_t calls, double worker_seconds, double host_seconds, double apart);

  // What is wrong with the worker's times, or nullopt.  Wrong is a sum that is longer than the host waited; or that
  // more calls took the host far longer, at the least, than the worker says they took.
  std::optional<std::string> fault() const;

 private:
  struct Request {
    std::int64_t calls = 0;
    double worker = 0, host = 0, apart = 0;
  };
  std::optional<Request> few_, many_;  // of the fewest and of the most calls, the quickest by the host's clock
  std::optional<Request> longer_;      // whose sum the host did not wait for
};

}  // namespace karat::bench
