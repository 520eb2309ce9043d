// SPDX-License-Identifier: MIT
// Where the worker program and the bundled plugins are.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>

#include "plugins/host/host.hpp"
#include "plugins/host/text.hpp"

namespace karat::host {
namespace {

namespace fs = std::filesystem;

// The directory of the running program; empty if it cannot be found out.
fs::path program_directory() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : program.parent_path();
}

std::vector<fs::path> plugin_directories() {
  std::vector<fs::path> directories;
  if (const char* list = std::getenv("KARAT_PLUGIN_PATH"); list != nullptr) {
    const std::string text = list;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find(':', at), text.size());
      if (end > at) directories.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
  }
  if (const fs::path here = program_directory(); !here.empty()) {
    directories.push_back(here / ".." / "plugins");                    // build tree
    directories.push_back(here / ".." / "lib" / "karat" / "plugins");  // installed
  }
  return directories;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

fs::path tidy(const fs::path& path) {
  std::error_code error;
  const fs::path canonical = fs::canonical(path, error);
  return error ? path : canonical;
}

// By name; the first directory that has it wins.
std::map<std::string, fs::path> bundled() {
  std::map<std::string, fs::path> found;
  for (const fs::path& directory : plugin_directories()) {
    std::error_code error;
    for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
      if (entry->path().extension() == ".so" && is_file(entry->path()))
        found.emplace(entry->path().stem().string(), tidy(entry->path()));
  }
  return found;
}

// "native", or "broken/NAME" for one in a sub-directory.
fs::path bundled_file(const std::string& name) {
  for (const fs::path& directory : plugin_directories())
    if (const fs::path file = directory / (name + ".so"); is_file(file)) return tidy(file);
  return {};
}

// Names beside which a mistyped one is to be understood: those of the same sub-directory.
std::vector<std::string> names_in(const fs::path& sub_directory) {
  std::vector<std::string> names;
  for (const fs::path& directory : plugin_directories()) {
    std::error_code error;
    for (fs::directory_iterator entry(directory / sub_directory, error), end; !error && entry != end;
         entry.increment(error))
      if (entry->path().extension() == ".so")
        names.push_back((sub_directory / entry->path().stem()).string());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text.empty() ? "none found" : text;
}

}  // namespace

fs::path worker_program() {
  if (const char* given = std::getenv("KARAT_WORKER"); given != nullptr && *given != '\0') {
    if (is_file(given)) return tidy(given);
    throw LoadError("karat-worker: $KARAT_WORKER is '" + printable(given, 512) +
                    "', which is no file; set it to the worker program, or unset it");
  }
  const fs::path here = program_directory();
  for (const fs::path& file : {here / "karat-worker", here / ".." / "bin" / "karat-worker"})
    if (is_file(file)) return tidy(file);
  throw LoadError("karat-worker: not found in " + here.string() + " nor in " +
                  (here / ".." / "bin").lexically_normal().string() +
                  "; build or install it beside karat, or set $KARAT_WORKER to its path");
}

std::vector<fs::path> bundled_plugins() {
  std::vector<fs::path> files;
  for (const auto& [name, file] : bundled()) files.push_back(file);
  return files;
}

fs::path find_plugin(const std::string& argument) {
  const fs::path path(argument);
  const bool looks_like_path =
      argument.find('/') != std::string::npos || path.extension() == ".so" || path.extension() == ".py";
  std::error_code error;
  // A bare word is a name first: a folder called `native` must not hide the back end.
  if (!looks_like_path)
    if (const fs::path file = bundled_file(argument); !file.empty()) return file;
  if (is_file(path) || (looks_like_path && fs::exists(path, error))) return tidy(path);
  if (looks_like_path && !path.is_absolute())
    if (const fs::path file = bundled_file(argument); !file.empty()) return file;

  const fs::path parent = path.is_absolute() ? fs::path() : path.parent_path();
  std::vector<std::string> names = names_in({});
  std::vector<std::string> near = parent.empty() ? names : names_in(parent);
  const std::string meant = nearest(argument, near);
  throw LoadError(printable(argument, 512) + ": no such file, and no bundled back end of that name" +
                  (meant.empty() ? "" : "; did you mean '" + meant + "'?") +
                  (meant.empty() ? "; bundled: " : " Bundled: ") + joined(names));
}

}  // namespace karat::host
