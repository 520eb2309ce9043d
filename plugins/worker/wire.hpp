// SPDX-License-Identifier: MIT
// What host and worker say to each other: messages over a SOCK_SEQPACKET socket, the page
// that a dying worker leaves its last words on, and the descriptors that it starts with.
//
// Messages are the machine's own bytes (both ends run on one machine and come from one
// build), each number or length-prefixed text behind the other.  The host believes nothing:
// whoever reads past the end, or a length that cannot be, gets `Malformed`.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace karat::wire {

// Descriptors of a worker when it starts; it moves them out of the plugin's way.
inline constexpr int kControl = 3, kInputs = 4, kOutputs = 5, kStatusPage = 6, kLifeline = 7;
inline constexpr int kFirstUnused = 8;

inline constexpr int kMaxTensors = 256;
inline constexpr std::size_t kGuardBytes = std::size_t{1} << 20;  // unmapped, on each side
inline constexpr std::size_t kMaxMessage = std::size_t{64} << 20;

// Bytes of shadow memory that this build's sanitizer may need for each byte touched, rounded up.
#if defined(KARAT_SANITIZE)
inline constexpr std::size_t kShadowRatio = std::string_view(KARAT_SANITIZE) == "thread"    ? 8
                                            : std::string_view(KARAT_SANITIZE) == "address" ? 1
                                                                                            : 0;
#else
inline constexpr std::size_t kShadowRatio = 0;
#endif

enum class Request : std::uint32_t { load = 1, layout, supports, run };

// A worker's answer begins with one of these.
enum class Answer : std::uint32_t { ok = 0, declined, failed, out_of_memory, host_error };

// What the worker is doing, so that its death can be placed.
enum class Phase : std::uint32_t {
  starting,
  loading,
  entry,
  listing,
  idle,
  mapping,
  supports,
  scratch,
  run,
  control_lost  // it could not answer: somebody closed the control descriptor
};

enum class Access : std::int32_t { unknown = 0, read, write };

// Shared by host and worker; the worker's signal handler writes it.
struct StatusPage {
  std::atomic<std::uint32_t> phase;     // Phase
  std::atomic<std::uint32_t> fault;     // 0 none, 1 being written, 2 complete
  std::atomic<std::uint64_t> progress;  // repetitions done
  std::int32_t signal, code;            // si_signo, si_code
  std::int32_t access;                  // Access
  std::int32_t has_address;
  std::uint64_t address, stack_pointer;
  std::uint64_t scratch, scratch_bytes;  // where the scratch lies in the worker
  std::uint64_t data[kMaxTensors];       // where each tensor's element (0, …, 0) lies there
};
static_assert(sizeof(StatusPage) <= 4096);

struct Malformed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Packer {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T> Packer& put(T value) {
    append(&value, sizeof value);
    return *this;
  }
  Packer& text(std::string_view value) {
    put(static_cast<std::uint32_t>(value.size()));
    append(value.data(), value.size());
    return *this;
  }
  template <typename T>
  requires std::is_arithmetic_v<T> Packer& list(std::span<const T> values) {
    put(static_cast<std::uint32_t>(values.size()));
    append(values.data(), values.size_bytes());
    return *this;
  }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  void append(const void* data, std::size_t size);
  std::vector<std::byte> bytes_;
};

class Unpacker {
 public:
  explicit Unpacker(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <typename T>
  requires std::is_arithmetic_v<T> || std::is_enum_v<T> T next() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string text() {
    const auto bytes = take(next<std::uint32_t>());
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  template <typename T>
  std::vector<T> list() {
    const std::size_t count = next<std::uint32_t>();
    const auto bytes = take(count * sizeof(T));
    std::vector<T> values(count);
    if (count != 0) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  void end() const {
    if (!rest_.empty()) throw Malformed("message is longer than expected");
  }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > rest_.size()) throw Malformed("message ends early");
    const auto front = rest_.first(size);
    rest_ = rest_.subspan(size);
    return front;
  }
  std::span<const std::byte> rest_;
};

// Sends one message in as many packets as it takes.  False: the other end is gone.
bool send_message(int socket, std::uint64_t sequence, std::span<const std::byte> bytes);

// Collects the packets of one message.
class Inbox {
 public:
  enum class State {
    complete,  // message() holds one
    partial,   // more packets of it are to come
    empty,     // nothing to read now
    closed,    // the other end is gone
    garbage    // what came is none of ours
  };
  // Reads one packet; blocks unless MSG_DONTWAIT is in `flags`.
  State receive(int socket, int flags);
  std::uint64_t sequence() const { return sequence_; }
  std::span<const std::byte> message() const { return bytes_; }

 private:
  bool fresh_ = true;
  std::uint64_t sequence_ = 0;
  std::vector<std::byte> bytes_, packet_;
};

}  // namespace karat::wire
