// SPDX-License-Identifier: MIT
#include "plugins/worker/wire.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace karat::wire;

namespace {

struct Sockets {
  int ends[2] = {-1, -1};
  Sockets() { REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0); }
  ~Sockets() {
    for (const int end : ends) close(end);
  }
};

}  // namespace

TEST_CASE("what is packed comes out again") {
  Packer out;
  const std::vector<double> list = {1.5, -0.0};
  out.put(std::int32_t{-7}).text("softmax").put(Request::run).list(std::span(list)).text("").put(2.5);
  Unpacker in(out.bytes());
  CHECK(in.next<std::int32_t>() == -7);
  CHECK(in.text() == "softmax");
  CHECK(in.next<Request>() == Request::run);
  CHECK(in.list<double>() == list);
  CHECK(in.text().empty());
  CHECK(in.next<double>() == 2.5);
  CHECK_NOTHROW(in.end());
}

TEST_CASE("reading past the end, or an absurd length, is malformed") {
  Packer out;
  out.put(std::uint32_t{0xffff'ffff});
  CHECK_THROWS_AS(Unpacker(out.bytes()).text(), Malformed);
  CHECK_THROWS_AS(Unpacker(out.bytes()).list<double>(), Malformed);
  CHECK_THROWS_AS(Unpacker(out.bytes()).next<double>(), Malformed);
  CHECK_THROWS_AS(Unpacker(out.bytes()).end(), Malformed);
}

TEST_CASE("random bytes are malformed or a message, never a crash") {
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> bytes(random() % 64);
    for (auto& byte : bytes) byte = static_cast<std::byte>(random() % 4 == 0 ? random() : 0);
    Unpacker in(bytes);
    std::size_t read = 0;
    try {
      in.next<Answer>();
      read += in.text().size() + in.text().size() + 8 * in.list<double>().size();
      in.end();
    } catch (const Malformed&) {
    }
    CHECK(read <= bytes.size());
  }
}

TEST_CASE("messages of any size cross in packets") {
  Sockets sockets;
  for (const std::size_t size : {0, 1, 61'439, 61'440, 61'441, 1'000'000}) {
    std::vector<std::byte> sent(size);
    for (std::size_t i = 0; i < size; ++i) sent[i] = static_cast<std::byte>(i * 7);
    std::thread sender([&] { send_message(sockets.ends[0], 42, sent); });
    Inbox inbox;
    auto state = Inbox::State::partial;
    while (state == Inbox::State::partial) state = inbox.receive(sockets.ends[1], 0);
    sender.join();
    CHECK(state == Inbox::State::complete);
    CHECK(inbox.sequence() == 42);
    CHECK(std::equal(inbox.message().begin(), inbox.message().end(), sent.begin(), sent.end()));
  }
}

TEST_CASE("packets that are none of ours are garbage") {
  Sockets sockets;
  Inbox inbox;
  CHECK(inbox.receive(sockets.ends[1], MSG_DONTWAIT) == Inbox::State::empty);
  const auto say = [&](const std::string& text) {
    REQUIRE(send(sockets.ends[0], text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    return inbox.receive(sockets.ends[1], MSG_DONTWAIT);
  };
  CHECK(say("hello") == Inbox::State::garbage);
  CHECK(say(std::string(1000, 'x')) == Inbox::State::garbage);
  CHECK(say(std::string(100'000, '\0')) == Inbox::State::garbage);
  close(sockets.ends[0]);
  sockets.ends[0] = -1;
  CHECK(inbox.receive(sockets.ends[1], 0) == Inbox::State::closed);
  CHECK_FALSE(send_message(sockets.ends[1], 1, {}));
}
