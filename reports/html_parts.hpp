// SPDX-License-Identifier: MIT
// The sections of the HTML page, each a fragment (empty where there is nothing to show),
// and what they share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/view.hpp"

namespace karat::reports {

std::string html_matrix(const std::vector<BackEnd>&);
std::string html_failures(const Records&, const std::vector<BackEnd>&);
std::string html_sweeps(const Records&);
std::string html_not_judged(const std::vector<BackEnd>&);
std::string html_timings(const Records&);
std::string html_kernels(const Records&, const std::vector<BackEnd>&);
std::string html_judged(const Records&);
std::string html_environments(const Records&);

// Anchors of a kernel: its row in the table of all kernels, and its failures.
class KernelIds {
 public:
  explicit KernelIds(const std::vector<BackEnd>&);
  std::string row(const Kernel&) const;
  std::string failure(const Kernel&, std::size_t) const;

 private:
  std::map<const Kernel*, std::size_t> number_;
};

// ` data-b="…" data-o="…" data-d="…"` and data-v: what the filter looks at.
std::string html_data(const std::string& plugin, const std::string& op, const std::string& dtype);
std::string html_data(const Kernel&);

// `filtered`: hidden when the filter leaves nothing in it.
std::string html_section(const char* id, const char* title, const std::string& body, bool filtered);
// A table that scrolls by itself where it is wider than the page.
std::string html_table(const char* label, const char* classes, const std::string& rows);
// A verdict as mark and word.
std::string html_tag(Verdict, const std::string& extra = "");

}  // namespace karat::reports
