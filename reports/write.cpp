// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "reports/report.hpp"

namespace karat::reports {
namespace {

namespace fs = std::filesystem;

// A file beside its destination, removed unless it was moved there.
class Pending {
 public:
  Pending(const fs::path& destination, const std::string& text) : destination_(destination) {
    path_ = destination;
    path_ += ".new-" + std::to_string(::getpid());
    if (fs::is_directory(destination)) fail(destination, "it is a directory; move it away");
    errno = 0;
    std::ofstream out(path_, std::ios::binary | std::ios::trunc);
    out.write(text.data(), std::ssize(text));
    out.close();
    if (!out) {
      const std::string reason = errno != 0 ? std::strerror(errno) : "unknown error";
      remove();
      fail(path_, reason + "; check permissions and free space");
    }
  }
  ~Pending() { remove(); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  void commit() {
    std::error_code error;
    fs::rename(path_, destination_, error);
    if (error) fail(destination_, error.message());
    path_.clear();
  }

 private:
  void remove() noexcept {
    std::error_code ignored;
    if (!path_.empty()) fs::remove(path_, ignored);
  }
  [[noreturn]] static void fail(const fs::path& path, const std::string& reason) {
    throw std::runtime_error("cannot write " + path.string() + ": " + reason);
  }

  fs::path destination_, path_;
};

}  // namespace

void write_all(const Records& records, const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error || !fs::is_directory(directory))
    throw std::runtime_error("cannot make the report's directory " + directory.string() + ": " +
                             (error ? error.message() : "a file is in its place") +
                             "; name another directory");
  Pending index(directory / "index.html", html(records));
  Pending report(directory / "report.md", markdown(records));
  Pending xml(directory / "junit.xml", junit(records));
  Pending document(directory / "report.json", json(records));
  for (Pending* file : {&index, &report, &xml, &document}) file->commit();
}

}  // namespace karat::reports
