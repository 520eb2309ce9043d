// SPDX-License-Identifier: MIT
// FAIL  mylib/gelu f32   129 ulp, allowed < 1   worst of 4,213 failing inputs in [-0x1.9p+3, -0x1.4p+2]
//       gelu(-0x1.78752p+3) got -0x1.c73c1p-102  exact -0x1.c73b0e…p-102 (-3.5085…e-31)
//       replay: karat replay 'mylib gelu f32 x=-0x1.78752p+3'
#include <algorithm>

#include "reports/paint.hpp"
#include "reports/report.hpp"
#include "reports/text.hpp"
#include "reports/view.hpp"

namespace karat::reports {
namespace {

const std::string indent(6, ' ');

// What failed and by how much.  A figure where accuracy is the matter, else the kind.
std::string measure(const Kernel& k, const Failure& f) {
  if (f.kind != "inaccurate" || !f.ulp) return printable(f.kind);
  const double allowed = f.allowed ? *f.allowed : boundary(refusing(k, f));
  std::string text = figure(*f.ulp, allowed) + " ulp";
  if (f.allowed) text += ", " + allowed_text(refusing(k, f), *f.allowed);
  return text;
}

// The block's lines without colour; the first begins with "FAIL".
std::vector<std::string> lines(const Kernel& k, const Failure& f, int width) {
  std::vector<std::string> out;
  const auto fits = [&](const std::string& line) { return width <= 0 || columns(line) <= width; };
  const auto add = [&](const std::string& text, const std::string& head = "") {
    std::string margin = indent + head;
    for (const std::string& line : wrap(text, width <= 0 ? 0 : std::max(20, width - columns(margin)))) {
      out.push_back(margin + line);
      margin.assign(margin.size(), ' ');
    }
  };

  std::string line = "FAIL  " + label(k);
  if (fits(line)) {
    out.push_back(line);
  } else {
    add(line.substr(6));
    out.front().replace(0, 6, "FAIL  ");
  }
  for (const std::string& part : {measure(k, f), extent(f)}) {
    if (part.empty()) continue;
    if (fits(out.back() + "   " + part)) {
      out.back() += "   " + part;
    } else {
      add(part);
    }
  }

  // Of a result that is compared, got and exact below say it all.
  const bool compared = !f.got.empty() && !f.exact.empty() && (f.ulp || f.kind == "special_value");
  if (!compared && !f.message.empty()) add(printable(f.message));
  const std::string call = f.at.empty() ? "" : printable(k.op) + "(" + arguments(f.at) + ")";
  std::string exact = printable(f.exact);
  if (!f.exact_decimal.empty())
    exact += (exact.empty() ? "" : " ") + ("(" + printable(f.exact_decimal) + ")");
  line = indent + call;
  if (!f.got.empty()) line += (call.empty() ? "got " : " got ") + printable(f.got);
  if (!exact.empty()) line += (line == indent ? "exact " : "  exact ") + exact;
  if (line != indent && fits(line)) {
    out.push_back(line);
  } else if (line != indent) {
    if (!call.empty()) add(call);
    if (!f.got.empty()) add(printable(f.got), "  got   ");
    if (!exact.empty()) add(exact, "  exact ");
  }
  if (!f.replay.empty()) out.push_back(indent + "replay: " + printable(f.replay));
  if (!f.simplest.empty()) out.push_back(indent + "simplest: " + printable(f.simplest));
  if (!f.waived.empty()) out.push_back(indent + "waived: " + printable(f.waived));
  return out;
}

}  // namespace

std::string failure_block(const Kernel& k, const Failure& f, bool colour, int width) {
  const Paint paint{colour};
  std::string out;
  bool first = true;
  for (const std::string& line : lines(k, f, width)) {
    out += (first ? paint(Paint::fail, line.substr(0, 4)) + line.substr(4) : line) + '\n';
    first = false;
  }
  return out;
}

}  // namespace karat::reports
