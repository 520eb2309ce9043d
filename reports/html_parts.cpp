// SPDX-License-Identifier: MIT
#include "reports/html_parts.hpp"

#include <fmt/format.h>

#include "reports/text.hpp"

namespace karat::reports {

KernelIds::KernelIds(const std::vector<BackEnd>& all) {
  for (const BackEnd& b : all)
    for (const Kernel* k : b.kernels) number_.emplace(k, number_.size() + 1);
}

std::string KernelIds::row(const Kernel& k) const { return fmt::format("k{}", number_.at(&k)); }

std::string KernelIds::failure(const Kernel& k, std::size_t i) const {
  return fmt::format("f{}-{}", number_.at(&k), i + 1);
}

std::string html_data(const std::string& plugin, const std::string& op, const std::string& dtype) {
  return fmt::format(" data-b=\"{}\" data-o=\"{}\" data-d=\"{}\"", escape_html(plugin), escape_html(op),
                     escape_html(dtype));
}

std::string html_data(const Kernel& k) {
  return fmt::format("{} data-v=\"{}\"", html_data(k.plugin, k.op, k.dtype), name(k.verdict));
}

std::string html_section(const char* id, const char* title, const std::string& body, bool filtered) {
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\"{1}>\n<h2 id=\"{0}-title\">{2}</h2>\n{3}</section>\n",
      id, filtered ? " class=\"auto\"" : "", title, body);
}

std::string html_table(const char* label, const char* classes, const std::string& rows) {
  return fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\"><table "
      "class=\"{}\">\n{}</table></div>\n",
      label, classes, rows);
}

std::string html_tag(Verdict v, const std::string& extra) {
  return fmt::format("<span class=\"tag {0}\"><b aria-hidden=\"true\">{1}</b>{0}{2}</span>", name(v), mark(v),
                     extra.empty() ? "" : " " + escape_html(extra));
}

}  // namespace karat::reports
