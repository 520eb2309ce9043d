// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace karat::cli {

// A file of its own in the temporary directory, gone with this object.
class TemporaryFile {
 public:
  TemporaryFile();
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace karat::cli
