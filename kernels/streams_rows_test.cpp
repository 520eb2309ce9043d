// SPDX-License-Identifier: MIT
// What holds of every operator of streams, whichever there are: an element has the same bits wherever it stands, and
// calls that are not the operator's are declined.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdio>
#include <functional>

#include "kernels/streams.hpp"
#include "kernels/testing_calls.hpp"

namespace karat::kernels::testing {
namespace {

using Bits = std::vector<std::uint64_t>;
using Values = std::vector<double>;

// Values of attributes by name, for any operator: the first choice of each, the second, the third.
std::vector<NamedAttribute> attributes(std::size_t choice) {
  std::vector<NamedAttribute> all = {
      number("alpha", 0.25),    number("beta", 0.5),   number("beta1", 0.875),        number("beta2", 0.75),
      number("dampening", 0.5), number("delta", 0.5),  number("eps", 0x1p-10),        number("eta", 0.125),
      number("gamma", 0.875),   number("lambda", 0.5), number("log_clamp", -100),     number("mean", 0.5),
      number("p", 0.5),         number("rho", 0.75),   number("sigma", 0.25),         number("smooth", 0.5),
      number("threshold", 20),  number("value", 0.5),  number("weight_decay", 0.125), integer("n_in", 3),
      integer("n_out", 5)};
  const auto flags = static_cast<std::int64_t>(choice % 2);
  for (const char* name : {"amsgrad", "centered", "nesterov", "training"}) all.push_back(integer(name, flags));
  all.push_back(integer("t", 1 + flags));
  all.push_back(number("momentum", 0.5 * static_cast<double>(flags)));
  const auto choose = [&](const char* name, std::initializer_list<const char*> texts) {
    all.push_back(text(name, texts.begin()[std::min(choice, texts.size() - 1)]));
  };
  choose("decay", {"coupled", "decoupled"});
  choose("eps_placement", {"outside", "inside", "hat"});
  choose("form", {"standard", "standard", "printed"});
  for (const char* name : {"kernel_size", "stride", "dilation"}) all.push_back(integer(name, 1 + flags));
  for (const char* name : {"before", "after"}) all.push_back(integer(name, 2 + flags));
  choose("kind", {"linear", "log"});
  choose("mode", {"floor", "ceil"});
  choose("penalty", {"l2", "l1"});
  choose("reduction", {"none", "mean", "sum"});
  choose("scaling", {"inverted", "plain"});
  return all;
}
constexpr std::size_t kChoices = 3;

// A row with attributes under which it computes.
struct Case {
  const karat_kernel* row;
  std::size_t choice;
  bool constant;                      // what may be one element for all is
  std::vector<StreamTensor> tensors;  // an output y of one element after them, if it is a sum
  bool sum;
  std::string about() const {
    return std::string(row->op) + " " + row->kernel + " " + name_of(row->dtype) + ", attributes of choice " +
           std::to_string(choice) + (constant ? ", constant" : "");
  }
};

// NaN has more than one pattern.
Bits without_payloads(Bits bits, std::int32_t dtype) {
  if (dtype != KARAT_I64)
    for (std::uint64_t& b : bits)
      if (std::isnan(decode(b, dtype))) b = encode(NAN, dtype);
  return bits;
}

std::int32_t role_of(Stream kind) {
  if (kind == Stream::out) return KARAT_OUTPUT;
  return kind == Stream::inout || kind == Stream::kept || kind == Stream::idle ? KARAT_INOUT : KARAT_INPUT;
}

NamedCall call_of(const Case& c, const std::vector<std::int64_t>& shape, double low = -2, double high = 2) {
  std::mt19937_64 random(11);
  NamedCall call{.attributes = attributes(c.choice)};
  for (const StreamTensor& stream : c.tensors) {
    NamedTensor t{stream.name,
                  role_of(stream.kind),
                  stream.kind == Stream::labels ? static_cast<std::int32_t>(KARAT_I64) : c.row->dtype,
                  shape,
                  {}};
    if (stream.kind == Stream::broadcast && c.constant) t.shape = {};
    const std::int64_t count = stream.kind == Stream::out ? 0 : product(t.shape);
    for (std::int64_t i = 0; i < count; ++i)
      t.values.push_back(t.dtype == KARAT_I64 ? static_cast<double>(random() % 2) : random_between(random, t.dtype, low, high));
    call.tensors.push_back(std::move(t));
  }
  if (c.sum) call.tensors.push_back({"y", KARAT_OUTPUT, c.row->dtype, {}, {}});
  return call;
}

// The tensors of a row of streams or terms under these attributes; nothing if there are none.
std::optional<Case> case_of(const karat_kernel& row, std::size_t choice, bool constant) {
  const NamedCall none{.tensors = {}, .attributes = attributes(choice)};
  Spelled spelled(none);
  const Arguments arguments(spelled.call());
  try {
    if (const auto* streams = dynamic_cast<const Streams*>(&operator_of(row)))
      return Case{&row, choice, constant, streams->variant_of(arguments).tensors, false};
    if (const auto* terms = dynamic_cast<const Terms*>(&operator_of(row))) {
      Case c{&row, choice, constant, terms->tensors_of(arguments), false};
      c.sum = c.tensors.back().kind != Stream::out;
      return c;
    }
  } catch (const Refusal&) {
  }
  return {};
}

bool is_stream_row(const karat_kernel& row) {
  return dynamic_cast<const Streams*>(&operator_of(row)) != nullptr || dynamic_cast<const Terms*>(&operator_of(row)) != nullptr;
}

// Every row of streams with all attributes that it computes.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const karat_kernel& row : rows())
    for (std::size_t choice = 0; choice < kChoices; ++choice)
      for (const bool constant : {false, true}) {
        const std::optional<Case> c = case_of(row, choice, constant);
        if (!c) continue;
        const bool broadcasts = std::any_of(c->tensors.begin(), c->tensors.end(),
                                            [](const StreamTensor& t) { return t.kind == Stream::broadcast; });
        if ((!constant || broadcasts) && reason(row, call_of(*c, {5})).empty()) all.push_back(*c);
      }
  return all;
}

bool is_written(const NamedTensor& t) { return t.role != KARAT_INPUT; }

// What a call writes: one list of bits a tensor, empty for inputs.
std::vector<Bits> written(const Case& c, const NamedCall& call) {
  std::vector<Bits> all = run_named(*c.row, call);
  for (std::size_t t = 0; t < all.size(); ++t)
    all[t] = is_written(call.tensors[t]) ? without_payloads(all[t], call.tensors[t].dtype) : Bits{};
  return all;
}

// Where two calls wrote different bits; empty if nowhere.
std::string difference(const Case& c, const std::vector<Bits>& got, const std::vector<Bits>& expected) {
  for (std::size_t t = 0; t < got.size(); ++t) {
    const std::string name = t < c.tensors.size() ? c.tensors[t].name : "y";
    if (got[t].size() != expected[t].size()) return name + " has another size";
    for (std::size_t i = 0; i < got[t].size(); ++i)
      if (got[t][i] != expected[t][i]) {
        char text[120];
        std::snprintf(text, sizeof text, "%s[%zu] is %a, elsewhere %a", name.c_str(), i, decode(got[t][i], c.row->dtype),
                      decode(expected[t][i], c.row->dtype));
        return text;
      }
  }
  return "";
}

// Each term of a mean is divided by the number of all.
bool knows_the_count(const Case& c) {
  NamedCall call = call_of(c, {5});
  const auto reduction = std::find_if(call.attributes.begin(), call.attributes.end(),
                                      [](const NamedAttribute& a) { return a.name == "reduction"; });
  if (reduction->text != "mean") return false;
  call.attributes.erase(reduction);
  return !reason(*c.row, call).empty();
}

// Elements first to first + n of every tensor with more than one.
NamedCall part_of(const NamedCall& call, std::size_t first, std::size_t n) {
  NamedCall part = call;
  for (NamedTensor& t : part.tensors) {
    if (t.shape.empty()) continue;
    t.shape = {static_cast<std::int64_t>(n)};
    if (!t.values.empty())
      t.values = Values(t.values.begin() + static_cast<std::ptrdiff_t>(first),
                        t.values.begin() + static_cast<std::ptrdiff_t>(first + n));
  }
  return part;
}
std::vector<Bits> part_of(const std::vector<Bits>& all, std::size_t first, std::size_t n) {
  std::vector<Bits> part;
  for (const Bits& b : all)
    part.push_back(b.size() < first + n ? b
                                        : Bits(b.begin() + static_cast<std::ptrdiff_t>(first),
                                               b.begin() + static_cast<std::ptrdiff_t>(first + n)));
  return part;
}

// ThreadSanitizer takes fifty times as long.
#ifdef KARAT_SANITIZE
constexpr std::int64_t kMany = 12007;
#else
constexpr std::int64_t kMany = 40007;  // several parts
#endif

TEST_CASE("Every row of streams computes under some of the test's attributes") {
  const std::vector<Case> all = cases();
  for (const karat_kernel& row : rows()) {
    if (!is_stream_row(row)) continue;
    INFO(row.op << " " << name_of(row.dtype) << ": give the test the attributes that it has");
    CHECK(std::any_of(all.begin(), all.end(), [&](const Case& c) { return c.row == &row; }));
  }
}

TEST_CASE("An element of a stream has the same bits wherever it stands, on any number of threads and every target") {
  for (const Case& c : cases()) {
    if (c.sum) continue;
    for (const std::int64_t target : targets()) {
      const OnTarget on(target);
      NamedCall call = call_of(c, {target == targets()[0] ? kMany : 1100});
      const std::vector<Bits> whole = written(c, call);
      INFO(c.about() << " on " << hwy::TargetName(target));
      for (const int threads : {2, 3}) {
        call.threads = threads;
        CHECK(difference(c, written(c, call), whole) == "");
      }
      constexpr std::size_t kFirst = 13;
      for (const std::size_t n : {1, 15, 16, 17, 31, 33, 255, 256, 257, 271, 511, 1025}) {
        if (knows_the_count(c)) break;
        INFO(n << " elements");
        CHECK(difference(c, written(c, part_of(call, kFirst, n)), part_of(whole, kFirst, n)) == "");
      }
    }
  }
}

TEST_CASE("Sums of terms have the same bits on any number of threads and in any layout") {
  for (const Case& c : cases()) {
    if (!c.sum) continue;
    for (const std::int64_t n : {1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, static_cast<int>(kMany)}) {
      NamedCall call = call_of(c, {n});
      const std::vector<Bits> dense = written(c, call);
      INFO(c.about() << " of " << n);
      call.threads = 3;
      CHECK(difference(c, written(c, call), dense) == "");
      for (NamedTensor& t : call.tensors)
        if (!t.shape.empty()) t.strides = {2};
      CHECK(difference(c, written(c, call), dense) == "");
    }
  }
}

TEST_CASE("Strided and transposed streams give the bits of dense ones") {
  const std::vector<std::int64_t> shape = {3, 1, 5, 37};
  const std::vector<std::vector<std::int64_t>> strides = {
      {555, 555, 111, 3}, {1, 7, 3, 15}, {185, 185, 37, 1}, {1, 1, 3, 15}, {400, 1, 80, 2}};
  for (const Case& c : cases())
    for (std::size_t layout = 0; layout < strides.size() + 1; ++layout) {
      NamedCall call = call_of(c, shape);
      const std::vector<Bits> dense = written(c, call);
      // All tensors alike, or each another way.
      for (std::size_t t = 0; t < call.tensors.size(); ++t)
        if (!call.tensors[t].shape.empty())
          call.tensors[t].strides = strides[layout < strides.size() ? layout : t % strides.size()];
      call.threads = 2;
      INFO(c.about() << " layout " << layout);
      CHECK(difference(c, written(c, call), dense) == "");
    }
}

TEST_CASE("Streams stay inside tensors that end or begin at an unmapped page, at every size and alignment") {
  for (const Case& c : cases())
    for (const std::int64_t n : {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 255, 256, 257, 511, 513}) {
      NamedCall call = call_of(c, {n});
      call.threads = 2;
      const std::vector<Bits> expected = written(c, call);
      for (const bool at_end : {true, false})
        for (const std::size_t elements : {1, 3}) {
          call.at_end = at_end;
          call.offset = elements * 8;
          INFO(c.about() << " of " << n);
          CHECK(difference(c, written(c, call), expected) == "");
        }
    }
}

TEST_CASE("An output may lie where an input is") {
  for (const Case& c : cases())
    for (const std::int64_t n : {5, 1029}) {
      if (c.sum || (c.row->capabilities & KARAT_IN_PLACE) == 0) continue;
      const NamedCall separate = call_of(c, {n});
      const std::vector<Bits> expected = written(c, separate);
      for (std::size_t out = 0; out < separate.tensors.size(); ++out)
        for (std::size_t in = 0; in < out; ++in) {
          if (separate.tensors[out].role != KARAT_OUTPUT || separate.tensors[in].role != KARAT_INPUT) continue;
          if (separate.tensors[in].dtype != c.row->dtype || separate.tensors[in].shape != separate.tensors[out].shape) continue;
          NamedCall call = separate;
          call.tensors[out].in_place_of = in;
          INFO(c.about() << " " << call.tensors[out].name << " in place of " << call.tensors[in].name << " n " << n);
          CHECK(difference(c, written(c, call), expected) == "");
        }
    }
}

TEST_CASE("Inputs, and tensors that a call leaves alone, keep their bits") {
  for (const Case& c : cases()) {
    NamedCall call = call_of(c, {300});
    for (NamedTensor& t : call.tensors)
      if (t.dtype != KARAT_I64 && !t.values.empty()) t.values.back() = NAN;
    const std::vector<Bits> after = run_named(*c.row, call);
    for (std::size_t t = 0; t < c.tensors.size(); ++t) {
      const Stream kind = c.tensors[t].kind;
      if (kind == Stream::inout || kind == Stream::out) continue;
      INFO(c.about() << " " << c.tensors[t].name);
      for (std::size_t i = 0; i < after[t].size(); ++i) {
        const double value = call.tensors[t].values[i];
        const std::uint64_t before = call.tensors[t].dtype == KARAT_I64
                                         ? static_cast<std::uint64_t>(static_cast<std::int64_t>(value))
                                         : encode(value, call.tensors[t].dtype);
        if (after[t][i] != before) FAIL_CHECK("element " << i << " has changed");
      }
    }
  }
}

TEST_CASE("One element for all is that element everywhere") {
  for (const Case& c : cases()) {
    Case full = c;
    full.constant = false;
    if (!c.constant || !reason(*c.row, call_of(full, {5})).empty()) continue;
    for (const std::int64_t n : {1, 17, 300, 5000}) {
      const NamedCall constant = call_of(c, {n});
      NamedCall repeated = constant;
      for (NamedTensor& t : repeated.tensors)
        if (t.shape.empty() && t.role == KARAT_INPUT)
          t = {t.name, t.role, t.dtype, {n}, Values(static_cast<std::size_t>(n), t.values[0])};
      INFO(c.about() << " of " << n);
      CHECK(difference(c, written(c, constant), written(c, repeated)) == "");
    }
  }
}

TEST_CASE("Streams decline calls that are not theirs, with a reason, and touch no data") {
  for (const Case& c : cases()) {
    const karat_kernel& row = *c.row;
    const NamedCall good = call_of(c, {2, 2});
    INFO(c.about());
    REQUIRE(reason(row, good) == "");
    for (std::size_t t = 0; t < good.tensors.size(); ++t) {
      const bool output = is_written(good.tensors[t]), one = good.tensors[t].shape.empty();
      INFO(good.tensors[t].name);
      const auto changed = [&](const std::function<void(NamedTensor&)>& change) {
        NamedCall call = good;
        change(call.tensors[t]);
        return reason(row, call);
      };
      CHECK(changed([](NamedTensor& x) { x.name = "stranger"; }) == "a tensor of the operator is missing");
      CHECK(changed([](NamedTensor& x) { x.role = x.role == KARAT_INPUT ? KARAT_INOUT : KARAT_INPUT; }) ==
            "a tensor's role is not the operator's");
      CHECK(changed([](NamedTensor& x) { x.dtype = x.dtype == KARAT_F32 ? KARAT_F64 : KARAT_F32; }) ==
            "a tensor's dtype is not the kernel's");
      CHECK(changed([](NamedTensor& x) { x.shape.assign(33, 1); }) == "rank above 32");
      CHECK(changed([](NamedTensor& x) { x.shape = {2, -2}; }) == "a negative extent");
      CHECK(changed([](NamedTensor& x) {
              x.shape = {std::int64_t{1} << 40, std::int64_t{1} << 40};
            }) == "more elements than an address space");
      if (one) continue;
      CHECK(changed([](NamedTensor& x) { x.strides = {2, 0}; }) == "a stride below 1");
      CHECK((changed([](NamedTensor& x) {
               x.strides = {1, 1};
             }) == "the output's strides may map two indices to one element") == output);
      // Another tensor tells the shape, unless there is none.
      const auto like =
          std::count_if(good.tensors.begin(), good.tensors.end(), [](const NamedTensor& x) { return !x.shape.empty(); });
      if (like > 1) {
        CHECK(changed([](NamedTensor& x) { x.shape = {2, 3}; }) != "");
        CHECK(changed([](NamedTensor& x) { x.shape = {4}; }) != "");
      }
    }
    for (std::size_t a = 0; a < good.attributes.size(); ++a) {
      NamedCall without = good, other = good;
      without.attributes.erase(without.attributes.begin() + static_cast<std::ptrdiff_t>(a));
      const std::string why = reason(row, without);
      CHECK((why.empty() || why == "an attribute of the operator is missing"));
      other.attributes[a].kind = KARAT_LIST;
      CHECK(reason(row, other).empty() == why.empty());
    }
  }
}

}  // namespace
}  // namespace karat::kernels::testing
