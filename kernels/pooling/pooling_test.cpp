// SPDX-License-Identifier: MIT
// Poolings and moves of images against their definitions, at geometries on both sides of every tile and block.
#include "kernels/pooling/pooling.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <variant>

#include "kernels/call.hpp"
#include "kernels/testing_calls.hpp"

namespace karat::kernels::testing {
namespace {

using Extents = std::vector<std::int64_t>;
using Value = std::variant<std::int64_t, Extents, std::string, double>;

struct Image {
  Extents shape;
  std::vector<double> v;
  static Image of(Extents shape) {
    std::int64_t n = 1;
    for (const std::int64_t e : shape) n *= e;
    return {std::move(shape), std::vector<double>(static_cast<std::size_t>(n))};
  }
};

struct Setup {
  std::string op;
  std::int32_t dtype;
  std::vector<std::pair<const char*, Image>> inputs;
  std::pair<const char*, Extents> output;
  std::vector<std::pair<const char*, Value>> attributes;
  int threads = 1;
  bool at_end = true;
};

NamedAttribute attribute(const char* name, const Value& value) {
  if (const auto* i = std::get_if<std::int64_t>(&value)) return integer(name, *i);
  if (const auto* extents = std::get_if<Extents>(&value)) return list(name, *extents);
  if (const auto* words = std::get_if<std::string>(&value)) return text(name, words->c_str());
  return number(name, std::get<double>(value));
}

// The output's values; their bits are compared where the same are asked for.
std::vector<double> run(const Setup& s) {
  NamedCall call{{}, {}, s.threads, 0, s.at_end};
  for (const auto& [name, image] : s.inputs) call.tensors.push_back({name, KARAT_INPUT, s.dtype, image.shape, image.v});
  call.tensors.push_back({s.output.first, KARAT_OUTPUT, s.dtype, s.output.second, {}});
  for (const auto& [name, value] : s.attributes) call.attributes.push_back(attribute(name, value));
  return decoded(run_named(find_named_row(s.op, s.dtype), call).back(), s.dtype);
}

struct Geometry {
  Extents x, kernel, stride, padding, dilation = {1, 1};
  bool ceil = false, counted = false, lower = false;
  // Sizes, by the definition of a window's first and last place.
  std::int64_t output(int side) const {
    const auto at = static_cast<std::size_t>(side);
    const std::int64_t before = padding[at], after = padding[at + 2], input = x[at + 2], extent = (kernel[at] - 1) * dilation[at] + 1;
    std::int64_t o = 0;
    while (o * stride[at] + extent <= input + before + after || (ceil && o > 0 && o * stride[at] < input + before && (o - 1) * stride[at] + extent < input + before + after)) ++o;
    return o;
  }
  Extents y() const { return {x[0], x[1], output(0), output(1)}; }
  std::vector<std::pair<const char*, Value>> attributes() const {
    return {{"kernel_shape", kernel}, {"stride", stride}, {"padding", padding}, {"dilation", dilation}, {"ceil_mode", std::int64_t{ceil}},
            {"count_include_pad", std::int64_t{counted}}, {"even", std::string(lower ? "lower" : "mean")}};
  }
};

const std::vector<Geometry>& geometries() {
  static const std::vector<Geometry> all = [] {
    std::vector<Geometry> g = {
        {{2, 3, 8, 34}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
        {{1, 2, 7, 21}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
        {{1, 1, 9, 9}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, true},
        {{1, 1, 3, 1100}, {2, 3}, {1, 1}, {0, 1, 0, 1}},      // rows of more than one tile
        {{1, 2, 40, 300}, {3, 5}, {2, 2}, {1, 2, 1, 2}},      // planes of more than one block
        {{1, 1, 2, 2300}, {1, 1200}, {1, 7}, {0, 5, 0, 9}},   // kernels wider than a tile
        {{1, 1, 2, 2500}, {2, 3}, {1, 700}, {0, 0, 0, 0}},    // strides wider than a tile
        {{1, 1, 30, 30}, {17, 29}, {3, 1}, {8, 3, 2, 20}},
        {{3, 4, 7, 7}, {7, 7}, {1, 1}, {0, 0, 0, 0}},
        {{1, 1, 4, 6}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
        {{1, 1, 1, 5}, {3, 3}, {1, 1}, {1, 2, 2, 1}},
        {{0, 3, 4, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
        {{1, 2, 0, 3}, {3, 2}, {1, 1}, {2, 0, 1, 0}},         // windows of no element
    };
    std::mt19937_64 random(5);
    const auto draw = [&](std::int64_t low, std::int64_t high) { return low + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(high - low + 1)); };
    for (int i = 0; i < 60; ++i) {
      Geometry r;
      r.x = {draw(1, 2), draw(1, 2), draw(1, 20), draw(1, 40)};
      for (std::size_t side = 0; side < 2; ++side) {
        r.kernel.push_back(draw(1, std::min<std::int64_t>(r.x[side + 2], 9)));
        r.stride.push_back(draw(1, 5));
      }
      r.padding = {draw(0, r.kernel[0] - 1), draw(0, r.kernel[1] - 1), draw(0, r.kernel[0] - 1), draw(0, r.kernel[1] - 1)};
      r.ceil = draw(0, 1) == 1;
      r.counted = draw(0, 1) == 1;
      r.lower = draw(0, 1) == 1;
      g.push_back(r);
    }
    return g;
  }();
  return all;
}

std::vector<Geometry> dilated() {
  return {{{1, 2, 9, 33}, {2, 3}, {1, 1}, {0, 0, 0, 0}, {3, 2}},
          {{1, 2, 9, 33}, {3, 3}, {2, 2}, {1, 1, 1, 1}, {2, 1}},
          {{1, 1, 8, 30}, {3, 2}, {2, 3}, {2, 4, 1, 3}, {3, 5}, true},
          {{1, 1, 1, 1}, {2, 2}, {1, 1}, {2, 1, 2, 1}, {3, 2}},  // steps over the input
          {{1, 1, 2, 3000}, {1, 3}, {1, 2}, {0, 0, 0, 0}, {1, 1300}}};
}

struct Window {
  std::vector<std::size_t> elements;
  std::int64_t places = 0;
};
Window window_of(const Geometry& g, std::size_t output) {
  const Extents y = g.y();
  const auto o = static_cast<std::int64_t>(output);
  const std::int64_t plane = o / y[3] / y[2], p = o / y[3] % y[2], q = o % y[3];
  Window w;
  for (std::int64_t i = 0; i < g.kernel[0]; ++i)
    for (std::int64_t j = 0; j < g.kernel[1]; ++j) {
      const std::int64_t row = p * g.stride[0] + i * g.dilation[0] - g.padding[0], column = q * g.stride[1] + j * g.dilation[1] - g.padding[1];
      if (row < g.x[2] + g.padding[2] && column < g.x[3] + g.padding[3]) ++w.places;
      if (row >= 0 && row < g.x[2] && column >= 0 && column < g.x[3]) w.elements.push_back(static_cast<std::size_t>((plane * g.x[2] + row) * g.x[3] + column));
    }
  return w;
}

// What an operator makes of a window: the result, and each element's share of dy.
struct Answer {
  long double y;
  std::vector<long double> slope;
  long double size = 0;  // of what was summed
};
Answer answer(const std::string& op, const Geometry& g, const Window& w, const std::vector<double>& x) {
  const std::size_t n = w.elements.size();
  std::vector<long double> v;
  for (const std::size_t i : w.elements) v.push_back(x[i]);
  Answer a{std::numeric_limits<long double>::quiet_NaN(), std::vector<long double>(n, 0)};
  if (op == "mean_pool2d") {
    const auto count = static_cast<long double>(g.counted ? w.places : static_cast<std::int64_t>(n));
    a.y = 0;
    for (const long double t : v) a.y += t, a.size += std::fabs(t);
    a.y /= count;
    a.slope.assign(n, 1 / count);
  } else if (op == "l2_pool2d") {
    a.y = 0;
    for (const long double t : v) a.y += t * t;
    a.y = std::sqrt(a.y);
    for (std::size_t k = 0; k < n; ++k) a.slope[k] = a.y == 0 ? 0 : v[k] / a.y;
  } else {
    if (op == "max_pool2d") a.y = -std::numeric_limits<long double>::infinity();
    if (n == 0) return a;
    std::vector<std::size_t> order(n);
    for (std::size_t k = 0; k < n; ++k) order[k] = k;
    std::stable_sort(order.begin(), order.end(), [&](std::size_t s, std::size_t t) { return v[s] < v[t]; });
    std::size_t low = order[(n - 1) / 2], high = g.lower ? low : order[n / 2];
    if (op == "max_pool2d") {
      low = order[n - 1];
      for (std::size_t k = n; k-- > 0;)
        if (v[k] == v[order[n - 1]]) low = k;
      high = low;
    }
    a.y = (v[low] + v[high]) / 2;
    a.slope[low] += 0.5L;
    a.slope[high] += 0.5L;
  }
  return a;
}

bool close(double got, long double exact, long double size, std::int32_t dtype) {
  if (std::isnan(exact)) return std::isnan(got);
  if (std::isinf(exact)) return static_cast<long double>(got) == exact;
  return std::fabs(static_cast<long double>(got) - exact) <= 0.501L * ulp_of(exact, format_of(dtype)) + size * 0x1p-51L;
}

Image random_image(Extents shape, std::int32_t dtype, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Image image = Image::of(std::move(shape));
  // Quarters, so that many are tied, and others.
  for (double& v : image.v) v = random() % 3 == 0 ? static_cast<double>(random() % 9) / 4 - 1 : random_between(random, dtype, -4, 4);
  return image;
}

std::vector<Geometry> geometries_of(const std::string& op) {
  std::vector<Geometry> all = geometries();
  if (op == "max_pool2d")
    for (const Geometry& g : dilated()) all.push_back(g);
  return all;
}

const std::string kOps[] = {"max_pool2d", "mean_pool2d", "median_pool2d", "l2_pool2d"};

std::string about(const Setup& s, const Geometry& g) {
  std::string text = s.op + " " + name_of(s.dtype);
  for (const Extents* list : {&g.x, &g.kernel, &g.stride, &g.padding, &g.dilation}) {
    text += " [";
    for (const std::int64_t e : *list) text += " " + std::to_string(e);
    text += "]";
  }
  return text + (g.ceil ? " ceil" : "") + (g.counted ? " counted" : "") + (g.lower ? " lower" : "");
}

Setup forward_of(const std::string& op, const Geometry& g, std::int32_t dtype) { return {op, dtype, {{"x", random_image(g.x, dtype, 1)}}, {"y", g.y()}, g.attributes()}; }
Setup backward_of(const std::string& op, const Geometry& g, std::int32_t dtype) {
  return {op + "_backward", dtype, {{"dy", random_image(g.y(), dtype, 2)}, {"x", random_image(g.x, dtype, 1)}}, {"dx", g.x}, g.attributes()};
}

TEST_CASE("A pooling gives each window what its definition says, at every geometry") {
  for (const std::string& op : kOps)
    for (const std::int32_t dtype : kDtypes)
      for (const Geometry& g : geometries_of(op)) {
        const Setup setup = forward_of(op, g, dtype);
        const std::vector<double> y = run(setup);
        INFO(about(setup, g));
        std::size_t wrong = 0;
        for (std::size_t o = 0; o < y.size(); ++o) {
          const Answer a = answer(op, g, window_of(g, o), setup.inputs[0].second.v);
          wrong += !close(y[o], a.y, a.size, dtype);
        }
        CHECK(wrong == 0);
      }
}

TEST_CASE("A pooling's gradient gives each element its share of all windows, at every geometry") {
  for (const std::string& op : kOps)
    for (const std::int32_t dtype : kDtypes)
      for (const Geometry& g : geometries_of(op)) {
        const Setup setup = backward_of(op, g, dtype);
        const std::vector<double> dx = run(setup), &dy = setup.inputs[0].second.v;
        std::vector<long double> exact(dx.size(), 0), size(dx.size(), 0);
        for (std::size_t o = 0; o < dy.size(); ++o) {
          const Window w = window_of(g, o);
          const Answer a = answer(op, g, w, setup.inputs[1].second.v);
          for (std::size_t k = 0; k < w.elements.size(); ++k) {
            exact[w.elements[k]] += a.slope[k] * static_cast<long double>(dy[o]);
            size[w.elements[k]] += std::fabs(a.slope[k] * static_cast<long double>(dy[o]));
          }
        }
        INFO(about(setup, g));
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < dx.size(); ++i) wrong += !close(dx[i], exact[i], size[i], dtype);
        CHECK(wrong == 0);
      }
}

TEST_CASE("Poolings give the same bits on one thread and three, at either end of guarded memory, on every target") {
  for (const std::string& op : kOps)
    for (const std::int32_t dtype : kDtypes)
      for (const Geometry& g : geometries_of(op))
        for (const bool backward : {false, true}) {
          Setup setup = backward ? backward_of(op, g, dtype) : forward_of(op, g, dtype);
          const auto bits = [&] {
            std::vector<std::uint64_t> all;
            for (const double v : run(setup)) all.push_back(std::isnan(v) ? 0x7ff8000000000000 : std::bit_cast<std::uint64_t>(v));
            return all;
          };
          INFO(about(setup, g));
          const auto expected = bits();
          setup.threads = 3;
          setup.at_end = false;
          for (const std::int64_t target : targets()) {
            const OnTarget on(target);
            INFO(hwy::TargetName(target));
            CHECK(bits() == expected);
          }
        }
}

TEST_CASE("NaN in a window gives NaN, and the first one the gradient of a selection") {
  for (const std::string& op : kOps)
    for (const std::int32_t dtype : kDtypes)
      for (const Geometry& g : {Geometry{{1, 1, 6, 40}, {2, 2}, {2, 2}, {0, 0, 0, 0}}, Geometry{{1, 1, 6, 40}, {3, 3}, {2, 2}, {1, 1, 1, 1}},
                                Geometry{{1, 1, 12, 12}, {9, 9}, {3, 3}, {1, 1, 1, 1}}}) {
        Setup setup = forward_of(op, g, dtype), gradient = backward_of(op, g, dtype);
        std::vector<double>& x = setup.inputs[0].second.v;
        for (const std::size_t i : {5u, 46u, 47u, 83u}) x[i] = std::numeric_limits<double>::quiet_NaN();
        gradient.inputs[1].second.v = x;
        const std::vector<double> y = run(setup), dx = run(gradient), &dy = gradient.inputs[0].second.v;
        std::vector<double> share(x.size(), 0);
        for (std::size_t o = 0; o < y.size(); ++o) {
          const Window w = window_of(g, o);
          const auto nan = std::find_if(w.elements.begin(), w.elements.end(), [&](std::size_t i) { return std::isnan(x[i]); });
          CHECK(std::isnan(y[o]) == (nan != w.elements.end()));
          if (nan != w.elements.end()) share[*nan] += dy[o];
        }
        if (op == "max_pool2d" || op == "median_pool2d")
          for (std::size_t i = 0; i < x.size(); ++i)
            if (std::isnan(x[i])) CHECK(close(dx[i], share[i], 4, dtype));
      }
}

TEST_CASE("The norm of f64 windows and its gradient do not leave the range with the squares") {
  const Geometry g{{1, 1, 6, 40}, {3, 2}, {2, 1}, {1, 1, 1, 0}};
  const std::vector<double> y = run(forward_of("l2_pool2d", g, KARAT_F64)), dx = run(backward_of("l2_pool2d", g, KARAT_F64));
  for (const int e : {-900, -520, 500, 900}) {
    Setup forward = forward_of("l2_pool2d", g, KARAT_F64), backward = backward_of("l2_pool2d", g, KARAT_F64);
    for (double& v : forward.inputs[0].second.v) v = std::ldexp(v, e);
    for (double& v : backward.inputs[1].second.v) v = std::ldexp(v, e);
    const std::vector<double> scaled_y = run(forward), scaled_dx = run(backward);
    for (std::size_t o = 0; o < y.size(); ++o) CHECK(std::fabs(std::ldexp(scaled_y[o], -e) - y[o]) <= 0x1p-52 * y[o]);
    for (std::size_t i = 0; i < dx.size(); ++i) CHECK(std::fabs(scaled_dx[i] - dx[i]) <= 0x1p-48);
  }
}

TEST_CASE("Poolings decline what has no result, and say why") {
  const Geometry good{{1, 1, 4, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}};
  const auto why = [&](auto change) {
    Setup setup = forward_of("max_pool2d", good, KARAT_F32);
    change(setup);
    try {
      run(setup);
    } catch (const Declined& declined) {
      return std::string(declined.what());
    }
    return std::string();
  };
  const auto attribute = [](const char* name, Value value) {
    return [=](Setup& s) {
      for (auto& [known, old] : s.attributes)
        if (std::string_view(known) == name) old = value;
    };
  };
  CHECK(why([](Setup&) {}).empty());
  CHECK(why(attribute("kernel_shape", Extents{2})) == "kernel_shape is not [height, width]");
  CHECK(why(attribute("kernel_shape", Extents{0, 2})) == "kernel_shape is below 1");
  CHECK(why(attribute("kernel_shape", Extents{5, 2})) == "the kernel is larger than the padded input");
  CHECK(why(attribute("kernel_shape", Extents{std::int64_t{1} << 62, 2})) == "a kernel's extent above 2^60");
  CHECK(why(attribute("stride", Extents{2, 0})) == "a stride is below 1");
  CHECK(why(attribute("padding", Extents{0, 2, 0, 0})) == "padding is not below the kernel's extent");
  CHECK(why(attribute("padding", Extents{0, -1, 0, 0})) == "padding is below 0");
  CHECK(why(attribute("dilation", Extents{0, 1})) == "a dilation is below 1");
  CHECK(why(attribute("ceil_mode", std::int64_t{2})) == "ceil_mode is 0 or 1");
  CHECK(why([](Setup& s) { s.output.second = {1, 1, 2, 3}; }) == "y has not the shape that the windows give");
  CHECK(why([](Setup& s) { s.inputs[0].second.shape = {1, 4, 4}; }) == "a tensor is not of rank 4");
}

TEST_CASE("Images are cropped, padded and flipped bit by bit") {
  for (const std::int32_t dtype : kDtypes)
    for (const Extents& shape : {Extents{2, 3, 5, 7}, Extents{1, 1, 1, 1}, Extents{1, 2, 3, 70}, Extents{2, 1, 300, 129}, Extents{1, 1, 0, 4}, Extents{1, 1, 4, 0}})
      for (const int threads : {1, 3}) {
        const Image x = random_image(shape, dtype, 7);
        const std::int64_t height = shape[2], width = shape[3], planes = shape[0] * shape[1];
        INFO(name_of(dtype) << " " << height << "x" << width);
        const auto at = [&](std::int64_t plane, std::int64_t h, std::int64_t w, double outside) {
          return h >= 0 && h < height && w >= 0 && w < width ? x.v[static_cast<std::size_t>((plane * height + h) * width + w)] : outside;
        };
        const auto moved = [&](Extents to, double outside, auto source) {
          std::vector<double> v;
          for (std::int64_t plane = 0; plane < planes; ++plane)
            for (std::int64_t h = 0; h < to[2]; ++h)
              for (std::int64_t w = 0; w < to[3]; ++w) {
                const auto [i, j] = source(h, w);
                v.push_back(at(plane, i, j, outside));
              }
          return v;
        };
        using Place = std::pair<std::int64_t, std::int64_t>;
        for (const bool backward : {false, true}) {
          const auto call = [&](const std::string& op, const Extents& to, std::vector<std::pair<const char*, Value>> attributes) {
            Setup s{op, dtype, {{"x", x}}, {"y", to}, std::move(attributes), threads};
            if (backward) {
              s.op += "_backward";
              s.inputs = {{"dy", x}, {"x", Image::of(to)}};
              s.output.first = "dx";
            }
            return run(s);
          };
          for (const bool horizontal : {false, true})
            CHECK(call("flip", shape, {{"direction", std::string(horizontal ? "horizontal" : "vertical")}}) ==
                  moved(shape, 0, [&](std::int64_t h, std::int64_t w) { return horizontal ? Place(h, width - 1 - w) : Place(height - 1 - h, w); }));
          // x is dy of a crop: the whole image has a border of 2, 3 above and left, 1, 4 below and right.
          const Extents larger{shape[0], shape[1], height + 3, width + 7}, smaller{shape[0], shape[1], height / 2, width / 3};
          const double value = backward ? 0 : 0.3;
          if (backward)
            CHECK(call("crop", larger, {{"box", Extents{2, 3, height, width}}}) == moved(larger, 0, [](std::int64_t h, std::int64_t w) { return Place(h - 2, w - 3); }));
          else
            CHECK(call("crop", smaller, {{"box", Extents{height / 3, width / 2, height / 2, width / 3}}}) ==
                  moved(smaller, 0, [&](std::int64_t h, std::int64_t w) { return Place(h + height / 3, w + width / 2); }));
          const double outside = static_cast<double>(rounded(0.3, format_of(dtype)));
          if (!backward)
            CHECK(call("pad", larger, {{"padding", Extents{2, 3, 1, 4}}, {"value", value}}) ==
                  moved(larger, outside, [](std::int64_t h, std::int64_t w) { return Place(h - 2, w - 3); }));
          else
            CHECK(call("pad", smaller,
                       {{"padding", Extents{height / 3, width / 2, height - height / 2 - height / 3, width - width / 3 - width / 2}}, {"value", value}}) ==
                  moved(smaller, 0, [&](std::int64_t h, std::int64_t w) { return Place(h + height / 3, w + width / 2); }));
        }
      }
}

}  // namespace
}  // namespace karat::kernels::testing
