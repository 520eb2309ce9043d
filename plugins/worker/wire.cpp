// SPDX-License-Identifier: MIT
#include "plugins/worker/wire.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace karat::wire {
namespace {

constexpr std::uint32_t kMagic = 0x6b617274;  // "kart"
constexpr std::size_t kPacketPayload = 60 * 1024;

struct Header {
  std::uint32_t magic;
  std::uint32_t last;  // 1 on the last packet of a message
  std::uint64_t sequence;
};

}  // namespace

void Packer::append(const void* data, std::size_t size) {
  const auto* begin = static_cast<const std::byte*>(data);
  bytes_.insert(bytes_.end(), begin, begin + size);
}

bool send_message(int socket, std::uint64_t sequence, std::span<const std::byte> bytes) {
  do {
    const auto part = bytes.first(std::min(bytes.size(), kPacketPayload));
    bytes = bytes.subspan(part.size());
    Header header{kMagic, bytes.empty() ? 1u : 0u, sequence};
    iovec parts[2] = {{&header, sizeof header}, {const_cast<std::byte*>(part.data()), part.size()}};
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t sent;
    do {
      sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent != static_cast<ssize_t>(sizeof header + part.size())) return false;
  } while (!bytes.empty());
  return true;
}

Inbox::State Inbox::receive(int socket, int flags) {
  packet_.resize(sizeof(Header) + kPacketPayload);
  ssize_t got;
  do {
    got = recv(socket, packet_.data(), packet_.size(), flags | MSG_TRUNC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? State::empty : State::closed;
  if (got == 0) return State::closed;
  const auto size = static_cast<std::size_t>(got);
  if (size < sizeof(Header) || size > packet_.size()) return State::garbage;
  Header header;
  std::memcpy(&header, packet_.data(), sizeof header);
  if (header.magic != kMagic || header.last > 1) return State::garbage;
  if (fresh_) {
    bytes_.clear();
    sequence_ = header.sequence;
  } else if (header.sequence != sequence_) {
    return State::garbage;
  }
  const auto payload = std::span(packet_).subspan(sizeof header, size - sizeof header);
  if (bytes_.size() + payload.size() > kMaxMessage) return State::garbage;
  bytes_.insert(bytes_.end(), payload.begin(), payload.end());
  fresh_ = header.last == 1;
  return fresh_ ? State::complete : State::partial;
}

}  // namespace karat::wire
