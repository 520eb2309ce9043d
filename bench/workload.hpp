// SPDX-License-Identifier: MIT
// The inputs of one repetition: values of the pool, and which of its samples stands where in the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "bench/plan.hpp"
#include "plugins/host/host.hpp"
#include "reference/exact.hpp"

namespace karat::bench {

// Of a tensor's elements, in their order, onto those of its pool.
class Mapping {
 public:
  // `places`: by axis the pool's sample at each place, or null: the axis is as long in the pool.
  Mapping(const Shape& shape, const Shape& pool, std::vector<const std::vector<std::uint32_t>*> places);

  // Calls visit(first element, its pool element, count, places) for runs within [begin, end): element
  // first + j stands for pool element `pool + places[j]`, or pool + j where places is null.
  template <class Visit>
  void for_each_run(std::size_t begin, std::size_t end, Visit visit) const {
    for (std::size_t at = begin; at < end;) {
      const std::size_t line = at / length_, within = at % length_, count = std::min(end - at, length_ - within);
      const std::size_t base = pool_line(line);
      if (last_)
        visit(at, base, count, last_->data() + within);
      else
        visit(at, base + within, count, static_cast<const std::uint32_t*>(nullptr));
      at += count;
    }
  }

 private:
  std::size_t pool_line(std::size_t line) const;

  struct Axis {
    std::size_t extent, stride;  // the stride is the pool's
    const std::vector<std::uint32_t>* places;
  };
  std::vector<Axis> outer_;  // innermost first
  std::size_t length_ = 1;   // of a line: the last axis, or all that follow the last one with places
  const std::vector<std::uint32_t>* last_ = nullptr;
};

class Workload {
 public:
  // `values` is the seed of the pool's, `places` of where they stand.  The plan must outlive it.  Throws Refused
  // if no values are taken.
  Workload(const Plan& plan, std::uint64_t values, std::uint64_t places);

  const Plan& plan() const { return plan_; }
  const Question& pool() const { return pool_; }
  const Mapping& output(std::size_t j) const { return outputs_[j]; }

  // Tensors begin on cache lines that `seed` chooses, as aligned as any allocator's and the kernel's row ask.
  host::CallSpec call(const host::KernelRow& kernel, int threads, std::uint64_t seed) const;
  // Fills the inputs; `storage` as Worker::prepare gives it.
  void fill(const std::vector<std::span<std::byte>>& storage) const;

 private:
  const Plan& plan_;
  Question pool_;
  std::vector<std::vector<std::uint32_t>> places_;  // by pooled group
  std::vector<Mapping> inputs_, outputs_;
};

}  // namespace karat::bench
