// SPDX-License-Identifier: MIT
// Files → lines → records, merged as they come.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>

#include <fmt/format.h>

#include "reports/fields.hpp"
#include "reports/record.hpp"
#include "reports/record_fields.hpp"
#include "reports/text.hpp"

namespace karat::reports {
namespace {

constexpr std::size_t examples = 5;  // named in a note; the rest is counted

class Merger {
 public:
  void begin(const std::string& file) {
    file_ = file;
    line_ = 0;
    open_ = false;
  }

  void line(std::string_view text) {
    ++line_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (text.find_first_not_of(" \t") == std::string_view::npos) return;
    const Place place{file_, line_};
    const auto value = parse_line(text, place);
    Fields head(value, "record", place);
    const std::string type = head.get_text("type");
    if (type == "environment") return environment(value, place);
    if (!open_)
      throw RecordError(file_, line_, "an environment record as the first line",
                        "type " + shown('"' + type + '"'),
                        "give the file as `--record` wrote it; a part of one needs its first line too");
    if (type == "plugin") return plugin(plugin_fields(value, place, out_.unknown_fields));
    if (type == "kernel") return kernel(kernel_fields(value, place, out_.unknown_fields));
    if (type == "waiver") {  // what is wrong with one: the sentence says it
      const auto message = value.find("message");
      if (message != value.end() && message->is_string()) out_.notes.push_back("Waiver: " + message->get<std::string>());
      return;
    }
    if (type == "check_timing") {  // a fact in one line
      if (value.contains("plugin") && value["plugin"].is_string() && value.contains("seconds") && value["seconds"].is_array()) {
        std::string times;
        for (const auto& s : value["seconds"])
          if (s.is_number()) times += (times.empty() ? "" : ", ") + fmt::format("{:.1f}", s.get<double>());
        out_.notes.push_back("A check of " + value["plugin"].get<std::string>() + " took " + (times.empty() ? "no time that was recorded" : times + " s") + ".");
      }
      return;
    }
    if (type == "sweep") return sweep(sweep_fields(value, place, out_.unknown_fields));
    if (type == "timing") return timing(timing_fields(value, place, out_.unknown_fields));
    if (type == "end") {
      out_.runs.back().end = end_fields(value, place, out_.unknown_fields);
      return;
    }
    ++out_.unknown_types;
  }

  // The text ended inside a line.
  void truncated(std::string_view rest) const {
    throw RecordError(
        file_, line_ + 1, "a line that ends in a newline", shown(rest) + " and then the end of the file",
        "the writer was interrupted there: remove this last line to read the rest as an incomplete run");
  }

  void too_long() const {
    throw RecordError(file_, line_ + 1, "at most " + std::to_string(longest_line) + " bytes a line", "more",
                      "this is not a record file, or it is damaged");
  }

  void finish() {
    if (!open_)
      throw RecordError(file_, 0, "an environment record", "an empty file",
                        "the run wrote nothing: repeat it with `--record`");
  }

  Records take() {
    for (std::size_t r = 0; r < out_.runs.size(); ++r) check_end(r);
    note_replaced();
    if (out_.unknown_types + out_.unknown_fields > 0)
      out_.notes.push_back(
          "Left out, not known to this version of karat: " + plural(out_.unknown_types, "record", "records") +
          " and " + plural(out_.unknown_fields, "field", "fields") + ".");
    return std::move(out_);
  }

 private:
  using Key = std::array<std::string, 9>;

  void environment(const nlohmann::json& value, Place place) {
    out_.runs.push_back({file_, line_, environment_fields(value, place, out_.unknown_fields), {}});
    seen_.emplace_back();
    open_ = true;
  }

  // Puts `item` at its key's place, over an older one if there is one.
  template <class Item>
  void put(std::vector<Item>& items, const char* type, Key key, Item item, const std::string& label) {
    item.run = out_.runs.size() - 1;
    const std::string here = where(file_, line_);
    const auto [at, fresh] = index_[type].try_emplace(std::move(key), Slot{items.size(), here});
    if (fresh) {
      items.push_back(std::move(item));
      return;
    }
    if (++replaced_ <= examples)
      replaced_names_.push_back(printable(label) + " (" + at->second.where + " by " + here + ")");
    at->second.where = here;
    items[at->second.position] = std::move(item);
  }

  void plugin(Plugin p) {
    // Shards of one run repeat the line: that is no news.
    const Key key{p.plugin};
    const auto at = index_["plugin"].find(key);
    if (at != index_["plugin"].end()) {
      Plugin& old = out_.plugins[at->second.position];
      if (old.path == p.path && old.version == p.version && old.abi == p.abi && old.loaded == p.loaded) {
        p.run = out_.runs.size() - 1;
        old = std::move(p);
        return;
      }
    }
    const std::string label = "back end " + p.plugin;
    put(out_.plugins, "plugin", key, std::move(p), label);
  }

  void kernel(Kernel k) {
    seen_.back().add(k.verdict);
    const Key key{k.plugin, k.op, k.kernel, k.dtype};
    const std::string label = k.plugin + "/" + k.op + " " + k.kernel + " " + k.dtype;
    put(out_.kernels, "kernel", key, std::move(k), label);
  }

  void sweep(Sweep s) {
    seen_.back().add(s.kernel.verdict);
    const Key key{s.kernel.plugin, s.kernel.op, s.kernel.kernel, s.kernel.dtype, s.isa};
    const std::string label = "sweep " + s.kernel.plugin + "/" + s.kernel.op + " " + s.kernel.kernel + " " + s.kernel.dtype;
    put(out_.sweeps, "sweep", key, std::move(s), label);
  }

  void timing(Timing t) {
    Key key{t.plugin, t.op, t.kernel, t.dtype, t.size, std::to_string(t.threads), {}, t.call, t.cache};
    for (const std::int64_t extent : t.shape) key[6] += std::to_string(extent) + ",";
    const std::string label =
        "timing " + t.plugin + "/" + t.op + " " + t.kernel + " " + t.dtype + " " + t.size;
    put(out_.timings, "timing", key, std::move(t), label);
  }

  void check_end(std::size_t r) {
    const Run& run = out_.runs[r];
    const std::string start = where(run.file, run.line);
    if (!run.end) {
      out_.notes.push_back(
          "Incomplete run: the records from " + start +
          " stop before their end line; the run was cut off, and what follows is missing here.");
      return;
    }
    const Totals& seen = seen_[r];
    const End& end = *run.end;
    // A plugin that could not be loaded may be counted among the errors.
    std::uint64_t unloaded = 0;
    for (const Plugin& p : out_.plugins) unloaded += !p.loaded;
    if (end.passed != seen.passed || end.failed != seen.failed || end.skipped != seen.skipped ||
        end.errors < seen.errors || end.errors > seen.errors + unloaded)
      out_.notes.push_back("Lines are missing or repeated: the run from " + start + " counted " +
                           counts(end.passed, end.failed, end.skipped, end.errors) + ", its lines hold " +
                           counts(seen.passed, seen.failed, seen.skipped, seen.errors) + ".");
  }

  static std::string counts(std::uint64_t passed, std::uint64_t failed, std::uint64_t skipped,
                            std::uint64_t errors) {
    return thousands(passed) + " passed, " + thousands(failed) + " failed, " + thousands(skipped) +
           " skipped, " + plural(errors, "error", "errors");
  }

  void note_replaced() {
    if (replaced_ == 0) return;
    std::string note = plural(replaced_, "record was", "records were") +
                       " replaced by a later one: " + join(replaced_names_, ", ");
    if (replaced_ > examples) note += " and " + thousands(replaced_ - examples) + " more";
    out_.notes.push_back(note + ".");
  }

  struct Slot {
    std::size_t position;
    std::string where;
  };

  Records out_;
  std::string file_;
  std::size_t line_ = 0;
  bool open_ = false;  // this file has had its environment
  std::map<std::string, std::map<Key, Slot>> index_;
  std::vector<Totals> seen_;  // kernel lines of each run
  std::uint64_t replaced_ = 0;
  std::vector<std::string> replaced_names_;
};

// Cuts a stream of chunks into lines without ever holding more than one.
class Lines {
 public:
  explicit Lines(Merger& to) : to_(to) {}
  void chunk(std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      const std::string_view part = text.substr(0, end);
      if (rest_.size() + part.size() > longest_line) to_.too_long();
      if (end == std::string_view::npos) {
        rest_ += part;
        return;
      }
      if (rest_.empty()) {
        to_.line(part);
      } else {
        rest_ += part;
        to_.line(rest_);
        rest_.clear();
      }
      text.remove_prefix(end + 1);
    }
  }
  void finish() {
    if (rest_.find_first_not_of(" \t\r") != std::string::npos) to_.truncated(rest_);
    to_.finish();
  }

 private:
  Merger& to_;
  std::string rest_;
};

void read_stream(std::istream& in, const std::string& name, Merger& to) {
  to.begin(name);
  Lines lines(to);
  std::array<char, 1 << 16> buffer;
  do {
    in.read(buffer.data(), buffer.size());
    lines.chunk({buffer.data(), static_cast<std::size_t>(in.gcount())});
  } while (in);
  if (in.bad())
    throw RecordError(name, 0, "a readable file", std::string("a read error: ") + std::strerror(errno),
                      "check the file and the disk");
  lines.finish();
}

}  // namespace

Records read(std::span<const std::filesystem::path> files) {
  Merger merger;
  for (const auto& path : files) {
    const std::string name = path.string();
    if (name == "-") {
      read_stream(std::cin, name, merger);
      continue;
    }
    std::error_code ignored;
    if (std::filesystem::is_directory(path, ignored))
      throw RecordError(name, 0, "a record file", "a directory", "name the .jsonl files in it");
    std::ifstream in(path, std::ios::binary);
    if (!in)
      throw RecordError(name, 0, "a readable file", std::strerror(errno),
                        "check the path; `karat check --record FILE.jsonl` writes one");
    read_stream(in, name, merger);
  }
  return merger.take();
}

Records parse(std::string_view text, const std::string& name) {
  Merger merger;
  merger.begin(name);
  Lines lines(merger);
  lines.chunk(text);
  lines.finish();
  return merger.take();
}

}  // namespace karat::reports
