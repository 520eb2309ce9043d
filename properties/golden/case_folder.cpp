// SPDX-License-Identifier: MIT
#include "properties/golden/case_folder.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "properties/judge.hpp"
#include "properties/nearest.hpp"
#include "properties/whole_tensor.hpp"

namespace karat::properties {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using karat::to_text;

[[noreturn]] void refuse(const fs::path& file, const std::string& what) { throw FileError(file.string() + ": " + what); }

const Json& member(const fs::path& file, const Json& object, const char* key, const std::string& where) {
  if (!object.is_object() || !object.contains(key)) refuse(file, where + " has no \"" + key + "\"");
  return object.at(key);
}
std::string text(const fs::path& file, const Json& object, const char* key, const std::string& where) {
  const Json& value = member(file, object, key, where);
  if (!value.is_string()) refuse(file, where + ": expected a text as \"" + key + "\", got " + value.dump());
  return value.get<std::string>();
}
Shape shape(const fs::path& file, const Json& object, const std::string& where) {
  const Json& value = member(file, object, "shape", where);
  Shape s;
  if (!value.is_array() || value.size() > 16) refuse(file, where + ": expected a list of at most 16 extents as \"shape\", got " + value.dump());
  for (const Json& extent : value) {
    if (!extent.is_number_integer() || extent.get<std::int64_t>() < 0) refuse(file, where + ": expected extents ≥ 0 in \"shape\", got " + value.dump());
    s.push_back(extent.get<std::int64_t>());
  }
  return s;
}
// A plain name: nothing outside of the folder is read or written.
std::string file_name(const fs::path& file, const Json& object, const std::string& where) {
  const std::string name = text(file, object, "file", where);
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos || name.find('\0') != std::string::npos)
    refuse(file, where + ": expected the name of a file in this folder as \"file\", got '" + name + "'");
  return name;
}

Attributes::Value attribute(const fs::path& file, const AttributeRow& row, const Json& value) {
  using Kind = AttributeRow::Kind;
  const auto expected = [&](const char* what) { refuse(file, "attribute " + row.name + ": expected " + what + ": " + row.domain + "; got " + value.dump()); };
  switch (row.kind) {
    case Kind::text:
      if (!value.is_string()) expected("a text");
      return value.get<std::string>();
    case Kind::integer:
      if (!value.is_number_integer()) expected("an integer");
      return value.get<std::int64_t>();
    case Kind::list: {
      std::vector<std::int64_t> list;
      if (!value.is_array()) expected("a list of integers");
      for (const Json& v : value) {
        if (!v.is_number_integer()) expected("a list of integers");
        list.push_back(v.get<std::int64_t>());
      }
      return list;
    }
    case Kind::number: break;
  }
  if (value.is_string()) {  // JSON has no infinities and no hexadecimal numbers
    const auto bits = parse(format(Dtype::f64), value.get<std::string>());
    if (!bits) expected("a number");
    return to_double(format(Dtype::f64), *bits);
  }
  if (!value.is_number()) expected("a number");
  return value.get<double>();
}

Json attribute_json(const Attributes::Value& value) {
  if (const auto* number = std::get_if<double>(&value)) {
    if (std::isfinite(*number)) return *number;
    return std::isnan(*number) ? "nan" : *number > 0 ? "inf" : "-inf";
  }
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* words = std::get_if<std::string>(&value)) return *words;
  return std::get<std::vector<std::int64_t>>(value);
}

Bits special_bits(const Format& f, double value) {
  if (std::isnan(value)) return f.quiet_nan();
  if (const auto bits = exact_bits(f, value)) return *bits;
  return *round_nearest(f, Enclosure(value));
}

}  // namespace

CaseFolder read_case(const fs::path& folder) {
  const fs::path file = folder / "case.json";
  std::error_code error;
  if (!fs::is_directory(folder, error)) refuse(folder, "is no folder; a case is a folder with case.json and .npy files");
  const Json json = Json::parse(read_text(file, 1 << 24), nullptr, false);
  if (json.is_discarded() || !json.is_object()) refuse(file, "expected a JSON object");
  CaseFolder c;
  c.name = json.contains("name") ? text(file, json, "name", "the case") : folder.filename().string();
  const std::string op_name = text(file, json, "op", "the case");
  const Operator* op = find_operator(op_name);
  if (!op) refuse(file, unknown("operator", op_name, operator_names()));
  c.question.op = op;
  c.question.attributes = standard_attributes(*op);
  if (json.contains("attributes")) {
    const Json& attributes = json.at("attributes");
    if (!attributes.is_object()) refuse(file, "expected an object as \"attributes\", got " + attributes.dump());
    for (const auto& [key, value] : attributes.items()) {
      const AttributeRow* found = nullptr;
      std::vector<std::string> names;
      for (const AttributeRow& row : op->attributes) {
        names.push_back(row.name);
        if (row.name == key) found = &row;
      }
      if (!found) refuse(file, unknown("attribute of " + op->name, key, names));
      c.question.attributes.values[key] = attribute(file, *found, value);
    }
  }
  const Json& inputs = member(file, json, "inputs", "the case");
  if (!inputs.is_array()) refuse(file, "expected a list as \"inputs\"");
  std::set<std::string> seen;
  c.question.inputs.assign(op->inputs.size(), {});
  for (const Json& input : inputs) {
    const std::string name = text(file, input, "name", "an input");
    const std::string where = "input " + name;
    std::size_t t = 0;
    while (t < op->inputs.size() && op->inputs[t].name != name) ++t;
    std::vector<std::string> names;
    for (const InputRow& row : op->inputs) names.push_back(row.name);
    if (t == op->inputs.size()) refuse(file, unknown("input of " + op->name, name, names));
    if (!seen.insert(name).second) refuse(file, where + " is there twice");
    const std::string dtype = text(file, input, "dtype", where);
    if (op->inputs[t].index) {
      if (dtype != "i64") refuse(file, where + ": expected dtype i64, got '" + dtype + "'");
    } else {
      const Format* f = find_format(dtype);
      if (!f) refuse(file, where + ": " + unknown("dtype", dtype, dtype_names()));
      if (c.question.format && c.question.format != f)
        refuse(file, where + ": expected dtype " + std::string(c.question.format->name) + " as the inputs before it, got " + dtype);
      c.question.format = f;
    }
    const Shape expected = shape(file, input, where);
    c.question.inputs[t] = read_npy(folder / file_name(file, input, where), dtype);
    if (c.question.inputs[t].shape != expected)
      refuse(folder / file_name(file, input, where), where + ": expected shape " + to_text(expected) + " as case.json says, got " + to_text(c.question.inputs[t].shape));
  }
  for (std::size_t t = 0; t < op->inputs.size(); ++t) {
    if (seen.contains(op->inputs[t].name)) continue;
    if (!op->inputs[t].optional) refuse(file, "input " + op->inputs[t].name + " of " + op->name + " is missing");
    c.question.inputs[t].shape = {0};
  }
  const Json& outputs = member(file, json, "outputs", "the case");
  if (!outputs.is_array() || outputs.size() != op->outputs.size())
    refuse(file, "expected " + std::to_string(op->outputs.size()) + " \"outputs\", as " + op->name + " has");
  if (!c.question.format) {  // inputs are indices alone: the outputs say it
    const std::string dtype = text(file, outputs[0], "dtype", "output 0");
    c.question.format = find_format(dtype);
    if (!c.question.format) refuse(file, "output 0: " + unknown("dtype", dtype, dtype_names()));
  }
  if (const auto wrong = invalid(c.question)) refuse(file, *wrong);
  const Shapes shapes = c.question.output_shapes();
  for (std::size_t j = 0; j < shapes.size(); ++j) {
    const Json& output = outputs[j];
    CaseFolder::Output o;
    o.name = text(file, output, "name", "an output");
    const std::string where = "output " + o.name;
    if (o.name != op->outputs[j]) refuse(file, where + ": expected " + op->outputs[j] + " as output " + std::to_string(j));
    const std::string dtype = text(file, output, "dtype", where);
    o.format = find_format(dtype);
    if (!o.format) refuse(file, where + ": " + unknown("dtype", dtype, dtype_names()));
    o.shape = shape(file, output, where);
    if (o.shape != shapes[j]) refuse(file, where + ": expected shape " + to_text(shapes[j]) + ", got " + to_text(o.shape));
    o.file = file_name(file, output, where);
    c.outputs.push_back(std::move(o));
  }
  return c;
}

void write_case(const fs::path& folder, const std::string& name, const Question& question) {
  std::error_code error;
  if (fs::exists(folder, error)) refuse(folder, "is there already; nothing was written");
  const fs::path partial = folder.string() + ".part";
  fs::remove_all(partial, error);
  fs::create_directories(partial, error);
  if (error) refuse(folder, "cannot be created: " + error.message());
  try {
    Json json{{"name", name}, {"op", question.op->name}, {"attributes", Json::object()}, {"inputs", Json::array()}, {"outputs", Json::array()}};
    for (const auto& [key, value] : question.attributes.values) json["attributes"][key] = attribute_json(value);
    const std::string dtype(question.format->name);
    std::set<std::string> names;
    for (std::size_t t = 0; t < question.inputs.size(); ++t) {
      const InputRow& row = question.op->inputs[t];
      const Tensor<Bits>& tensor = question.inputs[t];
      if (row.optional && tensor.shape == Shape{0}) continue;
      const std::string stored = row.index ? "i64" : dtype;
      write_npy(partial / (row.name + ".npy"), stored, tensor);
      names.insert(row.name);
      json["inputs"].push_back({{"name", row.name}, {"dtype", stored}, {"shape", tensor.shape}, {"file", row.name + ".npy"}});
    }
    const Shapes shapes = question.output_shapes();
    for (std::size_t j = 0; j < shapes.size(); ++j) {
      const std::string& output = question.op->outputs[j];
      json["outputs"].push_back({{"name", output}, {"dtype", dtype}, {"shape", shapes[j]}, {"file", output + (names.contains(output) ? ".out" : "") + ".npy"}});
    }
    write_text(partial / "case.json", json.dump(2) + "\n");
  } catch (...) {
    fs::remove_all(partial, error);
    throw;
  }
  fs::rename(partial, folder, error);
  if (error) {
    fs::remove_all(partial, error);
    refuse(folder, "cannot be created");
  }
}

Tensors<Bits> rounded_outputs(const Question& question, const Format& f) {
  std::vector<Bits> all(question.output_count());
  for (std::size_t n = 0; n < unit_count(question); ++n) {
    const Unit u = unit(question, n);
    const std::vector<Specials> right = specials(u.question);
    std::vector<bool> known(u.outputs.size(), false);
    for (std::size_t i = 0; i < u.outputs.size(); ++i)
      if (!right[i].empty()) {
        all[u.outputs[i]] = special_bits(f, right[i][0].value);
        known[i] = true;
      }
    decide([&](int precision) -> std::optional<bool> {
      bool done = true;
      if (std::find(known.begin(), known.end(), false) == known.end()) return true;
      const std::vector<Answer> exact = answers(u.question);
      for (std::size_t i = 0; i < u.outputs.size(); ++i) {
        if (known[i]) continue;
        if (const auto bits = round_nearest(f, exact[i].value)) {
          all[u.outputs[i]] = *bits;
          known[i] = true;
        } else if (precision == precision_cap && exact[i].sign() != 0) {  // below every quantum
          all[u.outputs[i]] = exact[i].sign() > 0 ? 0 : f.sign_mask();
          known[i] = true;
        } else {
          done = false;
        }
      }
      return done ? std::optional(true) : std::nullopt;
    });
    for (std::size_t i = 0; i < known.size(); ++i)
      if (!known[i]) throw FileError(question.op->name + ": output element " + std::to_string(u.outputs[i]) + " is undecided at " + std::to_string(precision_cap) + " bits");
  }
  Tensors<Bits> outputs;
  std::size_t next = 0;
  for (const Shape& s : question.output_shapes()) {
    Tensor<Bits> y(s);
    for (Bits& b : y.values) b = all[next++];
    outputs.push_back(std::move(y));
  }
  return outputs;
}

FolderVerdict judge_folder(const fs::path& folder, const CaseFolder& c, const Level& level) {
  FolderVerdict v;
  for (const CaseFolder::Output& o : c.outputs) {
    if (o.format != c.question.format)
      refuse(folder / "case.json", "output " + o.name + ": expected dtype " + std::string(c.question.format->name) + " as the inputs, got " + std::string(o.format->name));
    const Tensor<Bits> got = read_npy(folder / o.file, std::string(o.format->name));
    if (got.shape != o.shape) refuse(folder / o.file, "output " + o.name + ": expected shape " + to_text(o.shape) + ", got " + to_text(got.shape));
    v.got.insert(v.got.end(), got.values.begin(), got.values.end());
  }
  if (takes_whole_tensors(c.question, level)) {
    v.judgements = judge_whole_tensors(c.question, v.got, level);
  } else {
    Judge judge(level);
    v.judgements = judge(c.question, v.got);
  }
  return v;
}

}  // namespace karat::properties
