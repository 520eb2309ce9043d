// SPDX-License-Identifier: MIT
#include "properties/sweep/state_file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace karat::properties {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kind = "karat state 1";

std::string digest(const std::string& text) {
  char hex[20];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(XXH3_64bits(text.data(), text.size())));
  return hex;
}

Json json_of(const Identity& identity) {
  Json json = Json::object();
  for (const auto& [name, value] : identity) json[name] = value;
  return json;
}

[[noreturn]] void fail(const fs::path& file, const std::string& what) { throw SweepError(file.string() + ": " + what); }

}  // namespace

std::string to_json(const Identity& identity) { return json_of(identity).dump(); }

void expect_same(const Identity& expected, const Identity& got, const std::string& where) {
  const auto value_in = [](const Identity& identity, const std::string& name) {
    const auto found = std::find_if(identity.begin(), identity.end(), [&](const auto& fact) { return fact.first == name; });
    return found == identity.end() ? std::string("nothing") : found->second;
  };
  for (const Identity* one : {&expected, &got})
    for (const auto& [name, value] : *one)
      if (value_in(expected, name) != value_in(got, name))
        throw SweepError(where + " is of another run: its " + name + " is " + value_in(got, name) + ", here it is " + value_in(expected, name) +
                         "; use another folder, or delete it to begin anew");
}

// Two lines: the content's digest and what it is of; the content.
void write_state(const fs::path& file, const State& state) {
  const std::string head = Json{{"kind", kind}, {"identity", json_of(state.identity)}, {"content", digest(state.content)}}.dump();
  const std::string text = head + "\n" + digest(head) + "\n" + state.content + "\n";
  const fs::path beside = file.string() + ".new";
  const int fd = open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const auto give_up = [&](const char* what) {
    const std::string reason = std::strerror(errno);
    if (fd >= 0) close(fd);
    unlink(beside.c_str());
    fail(file, std::string("cannot ") + what + ": " + reason);
  };
  if (fd < 0) give_up("be written");
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) give_up("be written");
    done += static_cast<std::size_t>(n);
  }
  if (fsync(fd) != 0) give_up("be flushed to the disk");
  close(fd);
  if (rename(beside.c_str(), file.c_str()) != 0) give_up("be renamed");
}

State read_state(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(file, std::string("cannot be read: ") + std::strerror(errno));
  std::string head, head_digest, content;
  std::getline(in, head);
  std::getline(in, head_digest);
  const bool whole = static_cast<bool>(std::getline(in, content)) && !in.eof();
  const std::string advice = "; delete it, and what it held is done anew";
  if (head_digest != digest(head)) fail(file, "is no state of a run, or was changed or cut off" + advice);
  try {
    const Json json = Json::parse(head);
    if (json.at("kind") != kind) fail(file, "is a state of another version of karat: expected '" + std::string(kind) + "', got '" + json.at("kind").get<std::string>() + "'" + advice);
    if (!whole || json.at("content") != digest(content)) fail(file, "was cut off or changed: its content is not what its first line says" + advice);
    State state{{}, content};
    for (const auto& [name, value] : json.at("identity").items()) state.identity.emplace_back(name, value.get<std::string>());
    return state;
  } catch (const nlohmann::json::exception& e) {
    fail(file, std::string("is no state of a run: ") + e.what() + advice);
  }
}

std::vector<fs::path> state_files(const fs::path& folder, const std::string& name) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string found = entry.path().filename();
    if (!found.starts_with(name + ".") || !found.ends_with(".json")) continue;
    const std::string number = found.size() < name.size() + 6 ? "" : found.substr(name.size() + 1, found.size() - name.size() - 6);
    if (!number.empty() && std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; })) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path new_state_file(const fs::path& folder, const std::string& name) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail(folder, "cannot be made: " + error.message());
  for (int number = 1; number < 1'000'000; ++number) {
    const fs::path file = folder / (name + "." + std::to_string(number) + ".json");
    // The name is taken by making `.new`, which the first state replaces.
    if (fs::exists(file)) continue;
    const int fd = open((file.string() + ".new").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) {
      close(fd);
      return file;
    }
    if (errno != EEXIST) fail(file, std::string("cannot be written: ") + std::strerror(errno));
  }
  fail(folder, "holds too many states");
}

std::string file_name(const std::string& text) {
  std::string name = text;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_' && c != '.') c = '_';
  return name;
}

}  // namespace karat::properties
