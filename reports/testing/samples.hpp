// SPDX-License-Identifier: MIT
// Records for tests.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "reports/record.hpp"

namespace karat::reports {

inline const std::filesystem::path testing_directory = KARAT_SOURCE_DIR "/reports/testing";

std::string file_text(const std::filesystem::path& path);
inline std::string sample_text() { return file_text(testing_directory / "sample.jsonl"); }
inline Records sample() { return parse(sample_text(), "sample.jsonl"); }

std::vector<std::string> lines_of(const std::string& text);

inline const std::string environment_line = R"({"type":"environment","schema":1,"karat":"0.1.0"})";
inline const std::string kernel_line =
    R"({"type":"kernel","plugin":"p","op":"tanh","kernel":"exact","dtype":"f32","level":"faithful","verdict":"pass","max_ulp":0.75})";
inline const std::string end_line = R"({"type":"end","passed":1,"failed":0,"skipped":0,"errors":0})";

// Every text field holds what breaks a careless writer: markup, quotes, control characters,
// a terminal escape, text that reverses the direction, template braces.
inline const std::string hostile =
    "<script>alert('\"&')</script>]]>\x1b[31m|`\x01\t\n\r\u202E{{style}}\x7f\uFFFE";

Records hostile_records();

}  // namespace karat::reports
