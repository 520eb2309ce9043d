// SPDX-License-Identifier: MIT
#include "properties/replay.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "properties/laws/law.hpp"
#include "properties/nearest.hpp"
#include "properties/profile.hpp"

namespace karat::properties {
namespace {

// Nobody types more; a line that asks for more is a mistake.
constexpr std::int64_t most_elements = std::int64_t{1} << 24;

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == ' ' || text[i] == '\t' || text[i] == '\n') {
      ++i;
      continue;
    }
    const std::size_t end = text.find_first_of(" \t\n", i);
    words.push_back(text.substr(i, end - i));
    i = end == std::string_view::npos ? text.size() : end;
  }
  return words;
}

[[noreturn]] void refuse(std::string_view word, const std::string& expected) {
  std::string shown(word.substr(0, 60));
  if (word.size() > 60) shown += "…";
  throw ReplayError("'" + shown + "': expected " + expected);
}

std::int64_t integer(std::string_view text, std::string_view word, const std::string& expected) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) refuse(word, expected);
  return value;
}

// A value must be representable as it stands, or a decimal that is rounded once.
Bits value(std::string_view text, const Format& f, std::string_view word) {
  const auto bits = parse(f, text);
  if (!bits)
    refuse(word, "a number (0x1.8p+3, 12, 1e-3, inf, nan), got '" + std::string(text.substr(0, 40)) + "'");
  const bool hex = text.find("0x") != std::string_view::npos && !text.starts_with("nan");
  if (hex && is_finite(f, *bits)) {
    const auto wide = parse(format(Dtype::f64), text);
    if (!wide || to_double(f, *bits) != to_double(format(Dtype::f64), *wide))
      refuse(word, "a value of " + std::string(f.name) + "; the nearest to " +
                       std::string(text.substr(0, 40)) + " is " + to_text(f, *bits));
  }
  return *bits;
}

std::vector<Bits> values(std::string_view text, const Format& f, std::string_view word) {
  std::vector<Bits> list;
  const bool bracketed = text.starts_with('[');
  if (bracketed) {
    if (!text.ends_with(']') || text.size() < 2) refuse(word, "a list that ends in ']'");
    text = text.substr(1, text.size() - 2);
    if (text.empty()) return list;
  }
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    std::int64_t count = 1;
    if (const std::size_t star = item.find('*'); star != std::string_view::npos) {
      count = integer(item.substr(star + 1), word, "a repetition such as 0x1p+0*5");
      item = item.substr(0, star);
    }
    if (count < 1 || count > most_elements - static_cast<std::int64_t>(list.size()))
      refuse(word, "at most " + std::to_string(most_elements) + " elements");
    list.insert(list.end(), static_cast<std::size_t>(count), value(item, f, word));
    if (comma == std::string_view::npos) return list;
    if (!bracketed) refuse(word, "one value, or a list in brackets");
    text = text.substr(comma + 1);
  }
}

Shape shape_of(std::string_view text, std::string_view word) {
  Shape shape;
  if (text == "scalar") return shape;
  std::int64_t total = 1;
  while (true) {
    const std::size_t x = text.find('x');
    const std::int64_t extent = integer(text.substr(0, x), word, "a shape such as 2x3, or scalar");
    if (extent < 0 || extent > most_elements)
      refuse(word, "extents from 0 to " + std::to_string(most_elements));
    shape.push_back(extent);
    total *= extent > 0 ? extent : 1;
    if (total > most_elements || shape.size() > 16)
      refuse(word, "at most 16 dimensions and " + std::to_string(most_elements) + " elements");
    if (x == std::string_view::npos) return shape;
    text = text.substr(x + 1);
  }
}

std::string names_of(const Operator& op) {
  std::string names;
  for (const InputRow& row : op.inputs) names += (names.empty() ? "" : ", ") + row.name;
  for (const AttributeRow& row : op.attributes) names += ", " + row.name;
  return names;
}

std::vector<std::int64_t> integers(std::string_view text, std::string_view word, const std::string& expected) {
  std::vector<std::int64_t> list;
  if (!text.starts_with('[') || !text.ends_with(']')) refuse(word, expected);
  text = text.substr(1, text.size() - 2);
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    std::int64_t count = 1;
    if (const std::size_t star = item.find('*'); star != std::string_view::npos) {
      count = integer(item.substr(star + 1), word, expected);
      item = item.substr(0, star);
    }
    if (count < 1 || count > most_elements - static_cast<std::int64_t>(list.size()))
      refuse(word, "at most " + std::to_string(most_elements) + " elements");
    list.insert(list.end(), static_cast<std::size_t>(count), integer(item, word, expected));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return list;
}

// A tensor as it stands after `name=`, perhaps behind its shape; false: it named none.
bool set_input(const InputRow& row, Tensor<Bits>& tensor, const Format& f, std::string_view text, std::string_view word) {
  bool shaped = false;
  const std::size_t colon = text.find(":[");
  if (colon != std::string_view::npos && !text.starts_with('[')) {
    tensor.shape = shape_of(text.substr(0, colon), word);
    text = text.substr(colon + 1);
    shaped = true;
  }
  if (row.index) {
    const std::string expected = "integers such as [0,2,1]";
    const auto list = text.starts_with('[') ? integers(text, word, expected) : std::vector{integer(text, word, expected)};
    for (const std::int64_t i : list) tensor.values.push_back(static_cast<Bits>(i));
  } else {
    tensor.values = values(text, f, word);
  }
  return shaped;
}

void set_attribute(const AttributeRow& row, Question& q, std::string_view text, std::string_view word) {
  if (row.kind == AttributeRow::Kind::text) {
    q.attributes.values[row.name] = std::string(text);  // `invalid` compares it with the choices
    return;
  }
  if (row.kind == AttributeRow::Kind::list) {
    q.attributes.values[row.name] = integers(text, word, "a list of integers such as [2,2]");
    return;
  }
  if (row.kind == AttributeRow::Kind::integer) {
    q.attributes.values[row.name] = integer(text, word, "an integer");
    return;
  }
  const Format& compute = format(q.format->compute);
  const Bits bits = value(text, compute, word);
  q.attributes.values[row.name] = to_double(compute, bits);
}

// Takes the words that name tensors and attributes; gives back the others.
std::map<std::string, std::string_view> fill(Question& q, const std::vector<std::string_view>& words,
                                             const std::set<std::string>& others) {
  const bool generated = std::any_of(words.begin(), words.end(), [](auto w) { return w.starts_with("case="); });
  const Operator& op = *q.op;
  q.attributes = standard_attributes(op);
  q.inputs.assign(op.inputs.size(), {});
  std::vector<bool> given(op.inputs.size(), false), shaped(op.inputs.size(), false);
  std::optional<Shape> shape;
  std::map<std::string, std::string_view> rest;
  std::set<std::string> seen;
  for (const std::string_view word : words) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) refuse(word, "name=value; " + op.name + " takes " + names_of(op));
    const std::string name(word.substr(0, equals));
    const std::string_view text = word.substr(equals + 1);
    if (!seen.insert(name).second) refuse(word, "each name once");
    bool found = false;
    for (std::size_t t = 0; t < op.inputs.size(); ++t)
      if (op.inputs[t].name == name) {
        shaped[t] = set_input(op.inputs[t], q.inputs[t], *q.format, text, word);
        given[t] = found = true;
      }
    for (const AttributeRow& row : op.attributes)
      if (row.name == name) {
        set_attribute(row, q, text, word);
        found = true;
      }
    if (name == "shape") {
      shape = shape_of(text, word);
      found = true;
    }
    if (!found && others.contains(name)) {
      rest[name] = text;
      found = true;
    }
    if (!found) refuse(word, "one of " + names_of(op) + ", shape");
  }
  if (generated && others.contains("case")) return rest;
  for (std::size_t t = 0; t < op.inputs.size(); ++t) {
    if (!given[t] && op.inputs[t].optional) {
      q.inputs[t].shape = {0};
      continue;
    }
    if (!given[t])
      throw ReplayError("input " + op.inputs[t].name + " of " + op.name + " is missing: add " +
                        op.inputs[t].name + "=…");
    if (shaped[t]) continue;
    q.inputs[t].shape = shape ? *shape : Shape{static_cast<std::int64_t>(q.inputs[t].values.size())};
  }
  if (const auto wrong = invalid(q)) throw ReplayError(*wrong);
  return rest;
}

std::string hex(double d) {
  char text[48];
  std::snprintf(text, sizeof text, "%a", d);
  return text;
}

std::string list_text(const Tensor<Bits>& tensor, const Format& f, bool index) {
  std::string text;
  const auto& v = tensor.values;
  for (std::size_t i = 0; i < v.size();) {
    std::size_t run = 1;
    while (i + run < v.size() && v[i + run] == v[i]) ++run;
    if (!text.empty()) text += ",";
    text += index ? std::to_string(static_cast<std::int64_t>(v[i])) : to_text(f, v[i]);
    if (run > 1) text += "*" + std::to_string(run);
    i += run;
  }
  return v.size() == 1 ? text : "[" + text + "]";
}

std::string shape_text(const Shape& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

// With its own shape in front where the operator's inputs need not have one shape.
std::string tensor_text(const Question& q, std::size_t t) {
  const std::string list = list_text(q.inputs[t], *q.format, q.op->inputs[t].index);
  if (q.op->independence != Independence::whole) return list;
  return shape_text(q.inputs[t].shape) + ":" + (list.starts_with('[') ? list : "[" + list + "]");
}

std::string attribute_text(const Attributes::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&value)) return hex(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  std::string text;
  for (const std::int64_t i : std::get<std::vector<std::int64_t>>(value)) text += (text.empty() ? "[" : ",") + std::to_string(i);
  return text.empty() ? "[]" : text + "]";
}

// A path in a word: no blanks, no quotes.
std::string escaped(const std::string& text) {
  std::string word;
  for (const char ch : text) {
    char code[4];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(ch)));
    word += ch <= ' ' || ch == '%' || ch == '\'' ? code : std::string(1, ch);
  }
  return word;
}
std::string unescaped(std::string_view word) {
  std::string text;
  for (std::size_t i = 0; i < word.size(); ++i) {
    unsigned code = 0;
    const bool coded = word[i] == '%' && i + 2 < word.size() && std::from_chars(word.data() + i + 1, word.data() + i + 3, code, 16).ptr == word.data() + i + 3;
    text += coded ? static_cast<char>(code) : word[i];
    if (coded) i += 2;
  }
  return text;
}

std::string level_text(const Level& level) {
  Level asked = level;
  asked.compute.reset();  // the kernel's row says it
  asked.also.reset();     // a line is of one level
  if (!level.profile_name.empty()) return " profile=" + escaped(level.profile_name);
  if (asked == default_level) return "";
  std::string text = to_text(level);
  std::replace(text.begin(), text.end(), ' ', '=');
  return " level=" + text;
}

std::string layout_text(const Layout& layout) {
  std::string text;
  const bool start = layout.placement.flush == host::Placement::Flush::start;
  if (start || layout.placement.offset != 0) text += std::string(" place=") + (start ? "start" : "end");
  if (layout.placement.offset != 0) text += "+" + std::to_string(layout.placement.offset);
  if (layout.input_gap != 1 || layout.output_gap != 1)
    text += " gaps=" + std::to_string(layout.input_gap) + "," + std::to_string(layout.output_gap);
  if (layout.column_major) text += " order=column";
  if (layout.threads != 1) text += " threads=" + std::to_string(layout.threads);
  if (layout.in_place) text += " in_place=yes";
  return text;
}

std::string law_text(const Case& c) {
  if (c.law.empty()) return "";
  std::string text = c.law;
  std::replace(text.begin(), text.end(), ' ', ':');
  return " law=" + text;
}

const std::set<std::string> layout_words{"place", "gaps", "order", "threads", "in_place", "kernel", "level", "profile", "case", "seed", "law"};

void set_layout(Layout& layout, const std::string& name, std::string_view text) {
  const std::string word = name + "=" + std::string(text);
  if (name == "place") {
    const std::size_t plus = text.find('+');
    const std::string_view side = text.substr(0, plus);
    if (side != "start" && side != "end")
      refuse(word, "start, end, or one of them with an offset in bytes: start+4");
    layout.placement.flush = side == "start" ? host::Placement::Flush::start : host::Placement::Flush::end;
    const std::int64_t offset =
        plus == std::string_view::npos ? 0 : integer(text.substr(plus + 1), word, "an offset in bytes");
    if (offset < 0 || offset > 4096) refuse(word, "an offset from 0 to 4096");
    layout.placement.offset = static_cast<std::size_t>(offset);
  } else if (name == "gaps") {
    const std::size_t comma = text.find(',');
    if (comma == std::string_view::npos) refuse(word, "strides of input and output, such as 2,3");
    layout.input_gap = integer(text.substr(0, comma), word, "strides such as 2,3");
    layout.output_gap = integer(text.substr(comma + 1), word, "strides such as 2,3");
    if (layout.input_gap < 1 || layout.output_gap < 1 || layout.input_gap > 64 || layout.output_gap > 64)
      refuse(word, "strides from 1 to 64");
  } else if (name == "order") {
    if (text != "column" && text != "row") refuse(word, "row or column");
    layout.column_major = text == "column";
  } else if (name == "threads") {
    const std::int64_t threads = integer(text, word, "a number of threads");
    if (threads < 1 || threads > 256) refuse(word, "1 to 256 threads");
    layout.threads = static_cast<int>(threads);
  } else if (name == "in_place") {
    if (text != "yes" && text != "no") refuse(word, "yes or no");
    layout.in_place = text == "yes";
  }
}

}  // namespace

std::string to_text(const Replay& replay) {
  const Question& q = replay.c.question;
  const Layout& layout = replay.c.layout;
  std::string text = escaped(replay.plugin) + " " + q.op->name + " " + std::string(q.format->name);
  if (!replay.kernel.empty()) text += " kernel=" + replay.kernel;
  if (!replay.generated.empty()) {
    if (replay.generated.starts_with("folder:")) return text + " case=" + escaped(replay.generated) + layout_text(replay.c.layout) + law_text(replay.c) + level_text(replay.level);
    text += " case=" + replay.generated + " seed=" + std::to_string(replay.seed);
    return text + law_text(replay.c) + level_text(replay.level);
  }
  const Shape& shape = q.inputs[0].shape;
  if (shape.size() != 1 && q.op->independence != Independence::whole) text += " shape=" + shape_text(shape);
  for (std::size_t t = 0; t < q.inputs.size(); ++t)
    text += " " + q.op->inputs[t].name + "=" + tensor_text(q, t);
  const Attributes standard = standard_attributes(*q.op);
  for (const AttributeRow& row : q.op->attributes) {
    if (q.attributes.values.at(row.name) == standard.values.at(row.name)) continue;
    text += " " + row.name + "=" + attribute_text(q.attributes.values.at(row.name));
  }
  return text + layout_text(layout) + law_text(replay.c) + level_text(replay.level);
}

std::string with_plugin(const std::string& line, const std::string& plugin) { return escaped(plugin) + line.substr(std::min(line.find(' '), line.size())); }

Replay parse_replay(std::string_view text) {
  const std::vector<std::string_view> words = words_of(text);
  if (words.size() < 3)
    throw ReplayError("expected PLUGIN OPERATOR DTYPE name=value …, such as 'libm tanh f32 x=0x1p-3'");
  Replay replay;
  replay.plugin = unescaped(words[0]);
  const Operator* op = find_operator(words[1]);
  if (!op) throw ReplayError(unknown("operator", words[1], operator_names()));
  const Format* f = find_format(words[2]);
  if (!f) throw ReplayError(unknown("dtype", words[2], dtype_names()));
  replay.c.question.op = op;
  replay.c.question.format = f;
  const std::vector<std::string_view> arguments(words.begin() + 3, words.end());
  for (const auto& [name, value_text] : fill(replay.c.question, arguments, layout_words)) {
    if (name == "kernel") {
      replay.kernel = value_text;
    } else if (name == "case") {
      if (value_text.starts_with("folder:") && value_text.size() > 7) {
        replay.generated = unescaped(value_text);
        continue;
      }
      const std::size_t colon = value_text.find(':');
      const std::string_view source = value_text.substr(0, colon);
      const char* const expected = "a case such as plan:17, random:5, law:3 or folder:PATH";
      if (colon == std::string_view::npos || (source != "plan" && source != "random" && source != "law")) refuse(value_text, expected);
      if (integer(value_text.substr(colon + 1), value_text, expected) < 0) refuse(value_text, expected);
      replay.generated = value_text;
    } else if (name == "seed") {
      replay.seed = static_cast<std::uint64_t>(integer(value_text, value_text, "a number"));
    } else if (name == "law") {
      if (!parse_law(value_text)) {
        std::vector<std::string> names;
        for (const Law& law : laws()) names.push_back(law.name);
        throw ReplayError(unknown("law", std::string(value_text.substr(0, value_text.find(':'))), names));
      }
      replay.c.law = parse_law(value_text)->text();
    } else if (name == "profile") {
      try {
        replay.level = level_of_profile(unescaped(value_text));
      } catch (const ProfileError& e) {
        throw ReplayError(e.what());
      }
    } else if (name == "level") {
      const auto level = parse_level(value_text);
      if (!level) refuse("level=" + std::string(value_text), "exact, faithful, stable, permissive or max-ulp=N");
      replay.level = *level;
    } else {
      set_layout(replay.c.layout, name, value_text);
    }
  }
  return replay;
}

Attributes parse_attributes(const Operator& op, const Format& f, std::string_view text) {
  Question q{&op, &f, {}, standard_attributes(op)};
  std::string names;
  for (const AttributeRow& row : op.attributes) names += (names.empty() ? "" : ", ") + row.name;
  for (const std::string_view word : words_of(text)) {
    const std::size_t equals = word.find('=');
    const AttributeRow* found = nullptr;
    for (const AttributeRow& row : op.attributes)
      if (equals != std::string_view::npos && row.name == word.substr(0, equals)) found = &row;
    if (!found) refuse(word, "name=value of an attribute of " + op.name + ": " + names);
    set_attribute(*found, q, word.substr(equals + 1), word);
  }
  if (const auto wrong = invalid_attributes(op, f, q.attributes)) throw ReplayError(*wrong);
  return q.attributes;
}

Question parse_question(const Operator& op, const Format& f, std::string_view text) {
  Question q;
  q.op = &op;
  q.format = &f;
  std::vector<std::string_view> words = words_of(text);
  // A single input needs no name: `karat eval sigmoid 0x1p+3`.
  std::string named;
  if (words.size() >= 1 && words[0].find('=') == std::string_view::npos && op.inputs.size() == 1) {
    named = op.inputs[0].name + "=" + std::string(words[0]);
    words[0] = named;
  }
  fill(q, words, {});
  return q;
}

}  // namespace karat::properties
