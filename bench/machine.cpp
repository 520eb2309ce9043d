// SPDX-License-Identifier: MIT
#include "bench/machine.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <barrier>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <functional>
#include <system_error>
#include <thread>
#include <vector>

#include "bench/statistics.hpp"
#include "plugins/worker/flush.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "bench/machine.cpp"
#include <hwy/foreach_target.h>  // before highway.h
#include <hwy/highway.h>

#include <hwy/cache_control.h>

HWY_BEFORE_NAMESPACE();
namespace karat::bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Bytes; whole groups of vectors, the rest by memcpy.
template <bool Nontemporal>
void Copy(const std::uint8_t* from, std::uint8_t* to, std::size_t bytes) {
  const hn::ScalableTag<std::uint8_t> d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + 4 * lanes <= bytes; i += 4 * lanes) {
    const auto a = hn::Load(d, from + i), b = hn::Load(d, from + i + lanes), c = hn::Load(d, from + i + 2 * lanes), e = hn::Load(d, from + i + 3 * lanes);
    if constexpr (Nontemporal) {
      hn::Stream(a, d, to + i);
      hn::Stream(b, d, to + i + lanes);
      hn::Stream(c, d, to + i + 2 * lanes);
      hn::Stream(e, d, to + i + 3 * lanes);
    } else {
      hn::Store(a, d, to + i);
      hn::Store(b, d, to + i + lanes);
      hn::Store(c, d, to + i + 2 * lanes);
      hn::Store(e, d, to + i + 3 * lanes);
    }
  }
  std::memcpy(to + i, from + i, bytes - i);
  if constexpr (Nontemporal) hwy::FlushStream();
}
void CopyUsual(const std::uint8_t* from, std::uint8_t* to, std::size_t bytes) { Copy<false>(from, to, bytes); }
void CopyNontemporal(const std::uint8_t* from, std::uint8_t* to, std::size_t bytes) { Copy<true>(from, to, bytes); }

std::uint8_t Read(const std::uint8_t* from, std::size_t bytes) {
  const hn::ScalableTag<std::uint8_t> d;
  const std::size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d), b = a, c = a, e = a;
  std::size_t i = 0;
  for (; i + 4 * lanes <= bytes; i += 4 * lanes) {
    a = hn::Xor(a, hn::Load(d, from + i));
    b = hn::Xor(b, hn::Load(d, from + i + lanes));
    c = hn::Xor(c, hn::Load(d, from + i + 2 * lanes));
    e = hn::Xor(e, hn::Load(d, from + i + 3 * lanes));
  }
  std::uint8_t rest = hn::GetLane(hn::Xor(hn::Xor(a, b), hn::Xor(c, e)));
  for (; i < bytes; ++i) rest = static_cast<std::uint8_t>(rest ^ from[i]);
  return rest;
}

// Twelve sums that do not wait for each other: as many as hide a multiply-add's latency, and 16 registers hold.
// They begin at different numbers: compilers make one of equal ones.
template <class T>
double MultiplyAdds(std::int64_t steps) {
  const hn::ScalableTag<T> d;
  const auto m = hn::Set(d, T(0.5)), s = hn::Set(d, T(1));
  const auto from = [d](int value) { return hn::Set(d, static_cast<T>(value)); };
  auto a = from(1), b = from(2), c = from(3), e = from(4), f = from(5), g = from(6), h = from(7), i = from(8), j = from(9), k = from(10), l = from(11), n = from(12);
  for (std::int64_t step = 0; step < steps; ++step) {
    a = hn::MulAdd(a, m, s);
    b = hn::MulAdd(b, m, s);
    c = hn::MulAdd(c, m, s);
    e = hn::MulAdd(e, m, s);
    f = hn::MulAdd(f, m, s);
    g = hn::MulAdd(g, m, s);
    h = hn::MulAdd(h, m, s);
    i = hn::MulAdd(i, m, s);
    j = hn::MulAdd(j, m, s);
    k = hn::MulAdd(k, m, s);
    l = hn::MulAdd(l, m, s);
    n = hn::MulAdd(n, m, s);
  }
  const auto all = hn::Add(hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i))), hn::Add(hn::Add(j, k), hn::Add(l, n)));
  return static_cast<double>(hn::GetLane(all));
}
double MultiplyAddsF32(std::int64_t steps) { return MultiplyAdds<float>(steps); }
double MultiplyAddsF64(std::int64_t steps) { return MultiplyAdds<double>(steps); }
std::size_t Float32Lanes() { return hn::Lanes(hn::ScalableTag<float>()); }

}  // namespace HWY_NAMESPACE
}  // namespace karat::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::bench {

HWY_EXPORT(CopyUsual);
HWY_EXPORT(CopyNontemporal);
HWY_EXPORT(Read);
HWY_EXPORT(MultiplyAddsF32);
HWY_EXPORT(MultiplyAddsF64);
HWY_EXPORT(Float32Lanes);

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t steps = 4096;
constexpr std::size_t sums = 12;
constexpr std::size_t apart = 33 * cache_line;  // source and target of a copy are not a multiple of a page apart

// Whatever computes the value is not left out.
template <class T>
void wanted(T value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

// Seconds of one of so many, which are timed in parts: the middle mean of these.
template <class Work>
double in_parts(std::int64_t repeats, const Work& work) {
  const std::int64_t parts = std::min<std::int64_t>(repeats, 32);
  std::vector<double> each;
  for (std::int64_t p = 0; p < parts; ++p) {
    const std::int64_t n = repeats * (p + 1) / parts - repeats * p / parts;
    const auto watch = Clock::now();
    work(n);
    each.push_back(since(watch) / static_cast<double>(n));
  }
  return middle_mean(std::move(each));
}

}  // namespace

struct Machine::Team {
  // Pages as a kernel's tensors have them: shared memory.
  Team(std::size_t all_bytes, int threads)
      : bytes(all_bytes), mapped(all_bytes + 2 * apart + 4096), seconds(static_cast<std::size_t>(threads)), start(threads), stop(threads) {
    void* const pages = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "mmap");
    data = static_cast<std::uint8_t*>(pages);
    for (std::size_t i = 0; i < bytes / 2; ++i) data[i] = static_cast<std::uint8_t>(i * 31 >> 3);
    std::memset(target(), 0, mapped - static_cast<std::size_t>(target() - data));
    try {
      for (std::size_t t = 1; t < seconds.size(); ++t) helpers.emplace_back([this, t] { serve(t); });
    } catch (...) {
      for (std::size_t missing = helpers.size() + 1; missing < seconds.size(); ++missing) start.arrive_and_drop();
      end();
      throw;
    }
  }
  ~Team() { end(); }

  // The slowest thread's seconds of work(thread), all begun together.
  double together(std::function<double(std::size_t)> work) {
    task = std::move(work);
    start.arrive_and_wait();
    seconds[0] = task(0);
    stop.arrive_and_wait();
    return *std::max_element(seconds.begin(), seconds.end());
  }

  std::uint8_t* target() const { return data + (bytes / 2 + cache_line - 1) / cache_line * cache_line + apart; }
  // A thread's part of so many bytes: whole cache lines.
  std::pair<std::size_t, std::size_t> share(std::size_t thread, std::size_t of) const {
    const std::size_t step = (of / seconds.size() + cache_line - 1) / cache_line * cache_line;
    const std::size_t begin = std::min(of, thread * step);
    return {begin, thread + 1 == seconds.size() ? of : std::min(of, begin + step)};
  }

  std::size_t bytes, mapped;
  std::uint8_t* data = nullptr;
  std::vector<double> seconds;

 private:
  void serve(std::size_t thread) {
    for (;;) {
      start.arrive_and_wait();
      if (!task) return;
      seconds[thread] = task(thread);
      stop.arrive_and_wait();
    }
  }
  void end() {
    task = nullptr;
    if (!helpers.empty()) start.arrive_and_wait();
    helpers.clear();
    munmap(data, mapped);
  }

  std::function<double(std::size_t)> task;
  std::barrier<> start, stop;
  std::vector<std::jthread> helpers;
};

Machine::Machine(std::size_t bytes, int threads) : team_(std::make_unique<Team>(bytes, threads)) {}
Machine::~Machine() = default;

double Machine::seconds_of(Transfer transfer, std::int64_t repeats, bool cold) {
  Team& team = *team_;
  return team.together([&](std::size_t thread) {
    const bool reads = transfer == Transfer::read;
    const auto [begin, end] = team.share(thread, reads ? team.bytes : team.bytes / 2);
    const std::uint8_t* const from = team.data + begin;
    std::uint8_t* const to = team.target() + begin;
    const std::size_t size = end - begin;
    const auto once = [&] {
      if (reads)
        wanted(HWY_DYNAMIC_DISPATCH(Read)(from, size));
      else if (transfer == Transfer::copy)
        HWY_DYNAMIC_DISPATCH(CopyUsual)(from, to, size);
      else
        HWY_DYNAMIC_DISPATCH(CopyNontemporal)(from, to, size);
      asm volatile("" : : "r"(to) : "memory");  // it is wanted every time
    };
    if (!cold) {
      once();  // not counted: it warms
      return in_parts(repeats, [&](std::int64_t n) {
        for (std::int64_t i = 0; i < n; ++i) once();
      });
    }
    std::vector<double> each;
    for (std::int64_t i = 0; i < repeats; ++i) {
      flush_from_caches(from, size);
      if (!reads) flush_from_caches(to, size);
      const auto watch = Clock::now();
      once();
      each.push_back(since(watch));
    }
    return middle_mean(std::move(each));
  });
}

bool Machine::copied() const { return std::memcmp(team_->data, team_->target(), team_->bytes / 2) == 0; }

double Machine::seconds_of_multiply_adds(bool f64, std::int64_t repeats) {
  return team_->together([&](std::size_t) {
    return in_parts(repeats, [&](std::int64_t n) { wanted(f64 ? HWY_DYNAMIC_DISPATCH(MultiplyAddsF64)(n * steps) : HWY_DYNAMIC_DISPATCH(MultiplyAddsF32)(n * steps)); });
  });
}

double Machine::multiply_adds(bool f64) const {
  const std::size_t lanes = HWY_DYNAMIC_DISPATCH(Float32Lanes)() / (f64 ? 2 : 1);
  return static_cast<double>(team_->seconds.size() * std::max<std::size_t>(1, lanes) * sums) * static_cast<double>(steps);
}

}  // namespace karat::bench
#endif
