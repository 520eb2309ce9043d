// SPDX-License-Identifier: MIT
#include "properties/profile.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <toml++/toml.h>

#include "properties/nearest.hpp"
#include "reference/numbers/precision.hpp"

namespace karat::properties {

// Made by CMake from profiles/*.toml: name, text.
extern const std::vector<std::pair<std::string, std::string>> built_in_profile_texts;

namespace {

constexpr std::uintmax_t largest_file = 1 << 20;
const std::vector<std::string> measures{"abs_x", "axis_length", "filter", "filter_transposed", "window", "elements"};

// The first input that is a number and no gradient from above.
std::optional<std::size_t> first_operand(const Operator& op) {
  for (std::size_t t = 0; t < op.inputs.size(); ++t)
    if (!op.inputs[t].index && op.inputs[t].name != "dy") return t;
  return std::nullopt;
}
std::optional<std::size_t> input_named_w(const Operator& op) {
  for (std::size_t t = 0; t < op.inputs.size(); ++t)
    if (op.inputs[t].name == "w") return t;
  return std::nullopt;
}
bool has_attribute(const Operator& op, std::string_view name) {
  return std::any_of(op.attributes.begin(), op.attributes.end(), [&](const AttributeRow& row) { return row.name == name; });
}

bool has_measure(const Operator& op, const std::string& measure) {
  if (measure == "abs_x") return op.independence == Independence::elementwise && first_operand(op);
  if (measure == "axis_length") return op.independence == Independence::along_axis;
  if (measure == "filter" || measure == "filter_transposed") return input_named_w(op) && has_attribute(op, "groups");
  if (measure == "window") return has_attribute(op, "kernel_shape");
  if (measure == "elements") return op.independence == Independence::whole;
  return true;
}

double measured(const std::string& measure, const Question& q, std::size_t element) {
  const Operator& op = *q.op;
  if (measure == "abs_x") return std::abs(to_double(*q.format, q.inputs[*first_operand(op)].values.at(element)));
  if (measure == "axis_length" || measure == "elements") return static_cast<double>(q.inputs[0].values.size());
  double product = 1;
  if (measure == "window") {
    for (const std::int64_t k : q.attributes.list("kernel_shape")) product *= static_cast<double>(k);
    return product;
  }
  const Shape& w = q.inputs[*input_named_w(op)].shape;
  for (std::size_t d = measure == "filter" ? 1 : 2; d < w.size(); ++d) product *= static_cast<double>(w[d]);
  return measure == "filter" ? product : product * static_cast<double>(w.at(0)) / static_cast<double>(q.attributes.integer("groups"));
}

// ---- reading ------------------------------------------------------------------------------------

class Reader {
 public:
  Reader(std::string_view text, std::string file) : file_(std::move(file)) {
    try {
      root_ = toml::parse(text, file_);
    } catch (const toml::parse_error& e) {
      throw ProfileError(place(e.source()) + std::string(e.description()));
    }
  }

  Profile read() {
    Profile p;
    only(root_, "a profile", {"name", "description", "source", "base", "composed_ulps", "sum_order", "policies", "rule"});
    p.name = text(root_, "name");
    p.description = text(root_, "description");
    p.source = root_.contains("source") ? text(root_, "source") : "";
    if (const toml::node* base = root_.get("base")) {
      p.base = parse_level(string_of(*base, "base"));
      if (!p.base) fail(*base, unknown("level", string_of(*base, "base"), {"exact", "faithful", "stable", "permissive", "max-ulp=4"}));
    }
    if (const toml::node* ulps = root_.get("composed_ulps")) {
      p.composed_ulps = not_negative(*ulps, "composed_ulps");
      if (!(*p.composed_ulps > 0)) fail(*ulps, "composed_ulps: expected more than 0: it is what a primitive of a budget may be off by");
      if (p.base) fail(*ulps, "composed_ulps and base: expected one of them, as both say how operators without a rule are judged");
    }
    if (const toml::node* order = root_.get("sum_order")) {
      const std::string value = string_of(*order, "sum_order");
      if (value != "any" && value != "sequential") fail(*order, unknown("sum_order", value, {"any", "sequential"}));
      p.sequential_sums = value == "sequential";
      const bool budgets = p.composed_ulps || (p.base && by_budget(*p.base));
      if (!budgets) fail(*order, "sum_order: it is a matter of budgets, and this profile has none: add composed_ulps = N or base = \"stable\"");
    }
    policies(p);
    rules(p);
    return p;
  }

 private:
  std::string place(const toml::source_region& at) const {
    return file_ + ":" + std::to_string(at.begin.line) + ":" + std::to_string(at.begin.column) + ": ";
  }
  [[noreturn]] void fail(const toml::node& node, const std::string& what) const { throw ProfileError(place(node.source()) + what); }

  void only(const toml::table& table, const std::string& what, const std::vector<std::string>& known) const {
    for (const auto& [key, value] : table)
      if (std::find(known.begin(), known.end(), key.str()) == known.end())
        throw ProfileError(place(key.source()) + unknown("key of " + what, key.str(), known));
  }
  std::string string_of(const toml::node& node, const std::string& key) const {
    const auto* s = node.as_string();
    if (!s) fail(node, key + ": expected a text");
    return s->get();
  }
  std::string text(const toml::table& table, const char* key) const {
    const toml::node* node = table.get(key);
    if (!node) fail(table, std::string("the key ") + key + " is missing: add " + key + " = \"…\"");
    const std::string value = string_of(*node, key);
    if (value.empty()) fail(*node, std::string(key) + ": expected a text that is not empty");
    return value;
  }
  double not_negative(const toml::node& node, const std::string& key) const {
    const auto value = node.value<double>();
    if (!node.is_number() || !value) fail(node, key + ": expected a number");
    if (!(*value >= 0 && *value <= 1e30)) fail(node, key + ": expected a number from 0 to 1e30, got " + std::to_string(*value));
    return *value;
  }

  Amount amount(const toml::table& rule, const char* key, const std::vector<std::string>& ops) const {
    Amount a;
    const toml::node* node = rule.get(key);
    if (!node) return a;
    const toml::table* table = node->as_table();
    if (!table) {
      a.base = not_negative(*node, key);
      return a;
    }
    only(*table, key, {"base", "times", "per"});
    if (const toml::node* base = table->get("base")) a.base = not_negative(*base, "base");
    const toml::node *times = table->get("times"), *per = table->get("per");
    if (!times || !per) fail(*table, std::string(key) + ": expected { base = …, times = …, per = \"MEASURE\" }");
    a.times = not_negative(*times, "times");
    a.per = measure(*per, ops);
    return a;
  }
  std::string measure(const toml::node& node, const std::vector<std::string>& ops) const {
    const std::string name = string_of(node, "per");
    if (std::find(measures.begin(), measures.end(), name) == measures.end()) fail(node, unknown("measure", name, measures));
    for (const std::string& op : ops)
      if (!has_measure(*find_operator(op), name)) fail(node, "the operator " + op + " has no measure " + name);
    return name;
  }

  void policies(Profile& p) const {
    const toml::node* node = root_.get("policies");
    if (!node) return;
    const toml::table* table = node->as_table();
    if (!table) fail(*node, "policies: expected a table [policies]");
    std::vector<std::string> names;
    for (const auto& [name, meaning] : known_policies()) names.push_back(name);
    only(*table, "policies", names);
    for (const auto& [key, value] : *table) {
      const std::string said = string_of(value, std::string(key.str()));
      if (said != "accept" && said != "refuse") fail(value, std::string(key.str()) + ": expected \"accept\" or \"refuse\", got \"" + said + "\"");
      p.policies[std::string(key.str())] = said == "accept";
    }
  }

  // A name, a glob, or a list of them → names of operators.
  std::vector<std::string> operators_of(const toml::node& node) const {
    std::vector<std::string> names;
    const auto add = [&](const toml::node& one) {
      const std::string pattern = string_of(one, "op");
      const std::size_t before = names.size();
      for (const std::string& name : operator_names())
        if (matches(pattern, name)) names.push_back(name);
      if (names.size() == before) fail(one, unknown("operator", pattern, operator_names()));
    };
    if (const toml::array* list = node.as_array()) {
      if (list->empty()) fail(node, "op: expected at least one operator");
      for (const toml::node& one : *list) add(one);
    } else {
      add(node);
    }
    return names;
  }
  std::vector<Dtype> dtypes_of(const toml::node& node) const {
    std::vector<Dtype> all;
    const auto add = [&](const toml::node& one) {
      const Format* f = find_format(string_of(one, "dtype"));
      if (!f) fail(one, unknown("dtype", string_of(one, "dtype"), dtype_names()));
      all.push_back(f->dtype);
    };
    if (const toml::array* list = node.as_array()) {
      if (list->empty()) fail(node, "dtype: expected at least one dtype");
      for (const toml::node& one : *list) add(one);
    } else {
      add(node);
    }
    return all;
  }

  void rules(Profile& p) const {
    const toml::node* node = root_.get("rule");
    if (!node) return;
    const toml::array* list = node->as_array();
    if (!list) fail(*node, "rule: expected tables [[rule]]");
    std::set<std::pair<std::string, Dtype>> seen;
    for (const toml::node& one : *list) {
      const toml::table* table = one.as_table();
      if (!table) fail(one, "rule: expected tables [[rule]]");
      only(*table, "a rule", {"op", "dtype", "absolute", "relative", "ulps", "floor", "least", "dot_product", "source"});
      const toml::node *op = table->get("op"), *dtype = table->get("dtype");
      if (!op) fail(*table, "a rule needs op = \"NAME\"");
      if (!dtype) fail(*table, "a rule needs dtype = [\"f32\"]");
      PublishedRule r;
      r.line = static_cast<int>(table->source().begin.line);
      r.ops = operators_of(*op);
      r.dtypes = dtypes_of(*dtype);
      r.absolute = amount(*table, "absolute", r.ops);
      r.relative = amount(*table, "relative", r.ops);
      r.ulps = amount(*table, "ulps", r.ops);
      r.floor = amount(*table, "floor", r.ops);
      r.least = amount(*table, "least", r.ops);
      if (const toml::node* dot = table->get("dot_product")) r.dot_product = measure(*dot, r.ops);
      if (table->contains("source")) r.source = text(*table, "source");
      const bool any = table->contains("absolute") || table->contains("relative") || table->contains("ulps") || table->contains("least") || table->contains("dot_product");
      if (!any) fail(*table, "a rule needs a limit: absolute, relative, ulps, least or dot_product");
      for (const std::string& name : r.ops)
        for (const Dtype d : r.dtypes)
          if (!seen.emplace(name, d).second) fail(*table, "a second rule for " + name + " in " + std::string(format(d).name));
      p.rules.push_back(std::move(r));
    }
  }

  std::string file_;
  toml::table root_;
};

}  // namespace

std::map<std::string, std::string> known_policies() {
  return {{"subnormal_result", "a subnormal result may be off by up to the smallest normal number: flushed to zero"},
          {"flush_subnormal_inputs", "a result may be that of the inputs with subnormals as zeros (refused unless accepted)"},
          {"sign_of_zero", "a zero result may have the other sign"},
          {"out_of_range", "where an accepted algorithm overflows, nothing is judged"},
          {"singular", "where the formula gives 0/0 and a careful kernel a number, a number"},
          {"mask_gradient_at_nan", "the gradient of a mask at NaN may be 0, what comes from above, or NaN"},
          {"nan_equal", "NaN conforms where NaN is expected"},
          {"not_judged", "what an operator's row leaves open"}};
}

const PublishedRule* Profile::rule(const Operator& op, const Format& f) const {
  for (const PublishedRule& r : rules)
    if (std::find(r.ops.begin(), r.ops.end(), op.name) != r.ops.end() && std::find(r.dtypes.begin(), r.dtypes.end(), f.dtype) != r.dtypes.end()) return &r;
  return nullptr;
}
bool Profile::refuses(std::string_view policy) const {
  const auto found = policies.find(std::string(policy));
  return found != policies.end() && !found->second;
}
bool Profile::accepts(std::string_view policy) const {
  const auto found = policies.find(std::string(policy));
  return found != policies.end() && found->second;
}

std::vector<Limit> limits_of(const PublishedRule& rule, const Question& q) {
  const Format& f = *q.format;
  const std::size_t count = q.output_count();
  const auto value = [&](const Amount& a, std::size_t i) { return a.base + (a.per.empty() ? 0 : a.times * measured(a.per, q, i)); };
  std::vector<double> bounds;
  double roundings = 0;
  if (!rule.dot_product.empty()) {
    Question absolute = q;
    for (std::size_t t = 0; t < q.inputs.size(); ++t)
      if (!q.op->inputs[t].index)
        for (Bits& b : absolute.inputs[t].values) b &= ~f.sign_mask();
    const PrecisionScope scope(128);
    for (const Real& v : witness(absolute)) bounds.push_back(static_cast<double>(v));
    // p counts stored fraction bits; sums are kept in f32.
    const int p_out = f.fraction_bits(), p_acc = std::max(23, p_out);
    const bool bias = std::any_of(q.inputs.begin(), q.inputs.end(), [&](const Tensor<Bits>& t) { return &t == &q.inputs.back() && q.op->inputs.back().optional && !t.values.empty(); });
    roundings = std::ceil(measured(rule.dot_product, q, 0) / std::exp2((p_acc - p_out) / 2.0)) + (bias ? 1 : 0);
  }
  std::vector<Limit> limits(count);
  for (std::size_t i = 0; i < count; ++i) {
    limits[i] = {value(rule.absolute, i), value(rule.relative, i), value(rule.floor, i), value(rule.ulps, i), value(rule.least, i)};
    if (!bounds.empty()) {
      const double unit = std::max(bounds[i] * std::ldexp(1.0, -1 - f.fraction_bits()), std::ldexp(1.0, f.e_min));
      limits[i].absolute += bounds[i] == 0 ? 0 : (f.dtype == Dtype::f32 ? 6 : 2) * roundings * unit;
    }
  }
  return limits;
}

Profile parse_profile(std::string_view text, const std::string& file) {
  Profile p = Reader(text, file).read();
  if (p.rules.empty() && !p.base && !p.composed_ulps) throw ProfileError(file + ": the profile " + p.name + " has no rule and no base: it judges nothing");
  return p;
}

std::vector<std::string> built_in_profiles() {
  std::vector<std::string> names;
  for (const auto& [name, text] : built_in_profile_texts) names.push_back(name);
  return names;
}

std::shared_ptr<const Profile> find_profile(const std::string& name) {
  for (const auto& [built_in, text] : built_in_profile_texts)
    if (built_in == name) return std::make_shared<const Profile>(parse_profile(text, name + ".toml"));
  if (!name.ends_with(".toml") && name.find('/') == std::string::npos) throw ProfileError(unknown("profile", name, built_in_profiles()) + "; or a file, FILE.toml");
  std::error_code error;
  if (std::filesystem::is_directory(name, error)) throw ProfileError(name + ": expected a profile, got a directory");
  const std::uintmax_t size = std::filesystem::file_size(name, error);
  if (error) throw ProfileError(name + ": " + error.message());
  if (size > largest_file) throw ProfileError(name + ": expected at most 1 MiB, got " + std::to_string(size) + " bytes");
  std::ifstream in(name, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) throw ProfileError(name + ": cannot be read");
  return std::make_shared<const Profile>(parse_profile(text.str(), name));
}

Level level_of_profile(const std::string& name) {
  Level level;
  level.rule = Level::Rule::published;
  level.profile = find_profile(name);
  level.profile_name = name;
  return level;
}

std::optional<Level> level_for(const Level& level, const Operator& op, const Format& f) {
  if (level.rule != Level::Rule::published || level.published) return level;
  Level own = level;
  if (const PublishedRule* rule = level.profile->rule(op, f)) {
    own.published = std::shared_ptr<const PublishedRule>(level.profile, rule);
    return own;
  }
  if (level.profile->composed_ulps) {
    own.rule = Level::Rule::stable;
    own.ulps = *level.profile->composed_ulps;
    return own;
  }
  if (!level.profile->base) return std::nullopt;
  own.rule = level.profile->base->rule;
  own.ulps = level.profile->base->ulps;
  return own;
}

}  // namespace karat::properties
