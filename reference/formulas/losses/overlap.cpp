// SPDX-License-Identifier: MIT
// Losses by overlap, named by the seed without formulas: intersection over union of boxes (Yu et
// al. 2016, arXiv:1608.01471) and of masks (Rahman & Wang 2016), and Dice (Milletari et al. 2016,
// arXiv:1606.04797).
#include <array>

#include "reference/whole.hpp"

namespace karat {
namespace {

template <class T>
T positive(const T& x) {
  return max(x, T(0));
}

// Boxes (N, 4) as x1, y1, x2, y2; an empty or inverted box has area 0.
struct BoxIou {
  static Shapes shapes(const Shapes& in, const Attributes& a) {
    expect_rank("box_iou_loss", "p", 2, in[0]);
    expect_shape("box_iou_loss", "p", {in[0][0], 4}, in[0]);
    expect_shape("box_iou_loss", "g", in[0], in[1]);
    return {reduced({in[0][0]}, a)};
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> loss(Shape{in[0].shape[0]});
    for (std::size_t n = 0; n < loss.values.size(); ++n) {
      const T* p = &in[0].values[4 * n];
      const T* g = &in[1].values[4 * n];
      const T shared = positive(T(min(p[2], g[2]) - max(p[0], g[0]))) * positive(T(min(p[3], g[3]) - max(p[1], g[1])));
      const T all = positive(T(p[2] - p[0])) * positive(T(p[3] - p[1])) + positive(T(g[2] - g[0])) * positive(T(g[3] - g[1])) - shared;
      const T iou = vanishes(shared) ? T(0) : shared / all;
      loss.values[n] = a.text("kind") == "log" ? -log(iou) : 1 - iou;
    }
    return {reduce(std::move(loss), a)};
  }
  // J = S/U: dJ = (dS U − S dU)/U² with dU = d|P| − dS; dL = −dJ, or −dJ/J.
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    Tensor<T> dp(in[1].shape);
    const std::size_t boxes = dp.values.size() / 4;
    for (std::size_t n = 0; n < boxes; ++n) {
      const T* p = &in[1].values[4 * n];
      const T* g = &in[2].values[4 * n];
      std::array<T, 2> side, shared;  // along x and y
      for (const std::size_t d : {0, 1}) {
        side[d] = positive(T(p[d + 2] - p[d]));
        shared[d] = positive(T(min(p[d + 2], g[d + 2]) - max(p[d], g[d])));
      }
      const T s = shared[0] * shared[1];
      const T u = side[0] * side[1] + positive(T(g[2] - g[0])) * positive(T(g[3] - g[1])) - s;
      if (vanishes(s)) continue;
      for (const std::size_t d : {0, 1})
        for (const std::size_t end : {0, 1}) {
          const std::size_t k = d + 2 * end;
          const T outward(end == 0 ? -1 : 1);
          const bool binds = end == 0 ? p[k] > g[k] : p[k] < g[k];
          const T ds = binds ? T(outward * shared[1 - d]) : T(0);
          const T du = outward * side[1 - d] - ds;
          const T dj = (ds * u - s * du) / (u * u);
          dp.values[4 * n + k] = (a.text("kind") == "log" ? T(-dj * u / s) : T(-dj)) * dy_of_term(in[0], n, boxes, a);
        }
    }
    return {dp};
  }
};

// Σpg, Σp, Σg, Σp², Σg² of mask n.
template <class T>
std::array<T, 5> mask_sums(const Tensor<T>& p, const Tensor<T>& g, std::size_t n, std::size_t size) {
  std::array<Sum<T>, 5> sums;
  for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
    const T &u = p.values[i], &v = g.values[i];
    sums[0].add(u * v);
    sums[1].add(u);
    sums[2].add(v);
    sums[3].add(u * u);
    sums[4].add(v * v);
  }
  return {sums[0].total(), sums[1].total(), sums[2].total(), sums[3].total(), sums[4].total()};
}

// One value a mask: (N, …) → N.
template <class T, class Loss>
Tensors<T> per_mask(const Tensors<T>& in, const Attributes& a, Loss one) {
  Tensor<T> loss(Shape{in[0].shape[0]});
  const std::size_t size = loss.values.empty() ? 0 : in[0].values.size() / loss.values.size();
  const T s(a.number("smooth"));
  for (std::size_t n = 0; n < loss.values.size(); ++n) {
    const auto [shared, p, g, p2, g2] = mask_sums(in[0], in[1], n, size);
    const bool empty = vanishes(p) && vanishes(g) && vanishes(s);
    if (empty && a.text("empty") != "nan")
      loss.values[n] = T(a.text("empty") == "one" ? 1 : 0);
    else
      loss.values[n] = one(shared, p, g, p2, g2, s);
  }
  return {reduce(std::move(loss), a)};
}
// The gradient by p of 1 − numerator/denominator: one(Σpg, Σp, Σg, Σp², Σg², p_i, g_i) gives the two
// and their derivatives by p_i.
template <class T>
struct Ratio {
  T numerator, denominator, d_numerator, d_denominator;
};
template <class T, class One>
Tensors<T> mask_gradient(const Tensors<T>& in, const Attributes& a, One one) {
  Tensor<T> dp(in[1].shape);
  const auto masks = static_cast<std::size_t>(dp.shape[0]);
  const std::size_t size = masks == 0 ? 0 : dp.values.size() / masks;
  for (std::size_t n = 0; n < masks; ++n) {
    const auto [shared, p, g, p2, g2] = mask_sums(in[1], in[2], n, size);
    if (vanishes(p) && vanishes(g) && vanishes(T(a.number("smooth")))) continue;
    for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
      const Ratio<T> r = one(shared, p, g, p2, g2, in[1].values[i], in[2].values[i]);
      dp.values[i] = -(r.d_numerator * r.denominator - r.numerator * r.d_denominator) / (r.denominator * r.denominator) *
                     dy_of_term(in[0], n, masks, a);
    }
  }
  return {dp};
}
Shapes mask_shapes(const char* op, const Shapes& in, const Attributes& a) {
  if (in[0].empty()) throw Refused("input p of " + std::string(op) + ": expected rank 1 or more, got shape ()");
  expect_shape(op, "g", in[0], in[1]);
  return {reduced({in[0][0]}, a)};
}

struct MaskIou {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return mask_shapes("mask_iou_loss", in, a); }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_outside("mask_iou_loss", "p", in[0], 0, 1);
    refuse_outside("mask_iou_loss", "g", in[1], 0, 1);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    return per_mask(in, a, [](const T& shared, const T& p, const T& g, const T&, const T&, const T& s) {
      return T(1 - (shared + s) / (p + g - shared + s));
    });
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const T s(a.number("smooth"));
    return mask_gradient(in, a, [&](const T& shared, const T& p, const T& g, const T&, const T&, const T&, const T& g_i) {
      return Ratio<T>{T(shared + s), T(p + g - shared + s), g_i, T(1 - g_i)};
    });
  }
};

struct Dice {
  static Shapes shapes(const Shapes& in, const Attributes& a) { return mask_shapes("dice_loss", in, a); }
  static void refuse(const Tensors<double>& in, const Attributes&) {
    refuse_outside("dice_loss", "p", in[0], 0, 1);
    refuse_outside("dice_loss", "g", in[1], 0, 1);
  }
  template <class T>
  static Tensors<T> value(const Tensors<T>& in, const Attributes& a) {
    const bool squared = a.text("denominator") == "squared";
    return per_mask(in, a, [&](const T& shared, const T& p, const T& g, const T& p2, const T& g2, const T& s) {
      return T(1 - (2 * shared + s) / ((squared ? p2 + g2 : p + g) + s));
    });
  }
  template <class T>
  static Tensors<T> gradient(const Tensors<T>& in, const Attributes& a) {
    const bool squared = a.text("denominator") == "squared";
    const T s(a.number("smooth"));
    return mask_gradient(in, a, [&](const T& shared, const T& p, const T& g, const T& p2, const T& g2, const T& p_i, const T& g_i) {
      return Ratio<T>{T(2 * shared + s), T((squared ? p2 + g2 : p + g) + s), T(2 * g_i), squared ? T(2 * p_i) : T(1)};
    });
  }
};

InputRow mask(const char* name, bool differentiable) {
  return {.name = name, .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false, .differentiable = differentiable};
}
AttributeRow empty_row() { return choice_row("empty", {"nan", "zero", "one"}, "loss of two empty masks with s = 0: the formula's NaN, zero or one"); }

const Operator box_iou = whole<BoxIou>({
    .name = "box_iou_loss",
    .family = "loss",
    .formula = "L = 1 − |P ∩ G| / |P ∪ G|",
    .source = "Yu et al. 2016, arXiv:1608.01471 (−ln IoU); named by the seed",
    .notes = "p, g: (N, 4) boxes as x1, y1, x2, y2; an empty or inverted box has area 0.",
    .inputs = {{.name = "p", .directed = {0, 1}, .typical = {-4, 4}, .infinities = false},
               {.name = "g", .directed = {0, 1}, .typical = {-4, 4}, .infinities = false, .differentiable = false}},
    .outputs = {"y"},
    .attributes = {choice_row("kind", {"linear", "log"}, "linear: 1 − IoU, log: −ln IoU"), reduction_row()},
    .catalogue = {.variants = "kind = linear, log; reduction", .special = "Disjoint or empty boxes: IoU 0, so 1 and +∞.",
                  .gradient = "dp = −(dS U − S dU) / U² · dy, dU = d|P| − dS (kind log: divided by IoU)"},
    .examples = {{.shapes = {{2, 4}, {2, 4}}, .values = {{"p", {0, 0, 2, 2.5, 0, 0, 1, 1}}, {"g", {1, 1, 3, 3, 2, 2, 3, 3}}}},
                 {.shapes = {{2, 4}, {2, 4}}, .attributes = {{"kind", "log"}, {"reduction", "none"}}, .values = {{"p", {0, 0, 2, 2.5, 0, 0.25, 2, 2}}, {"g", {1, 1, 3, 3, 1, 0, 3, 3}}}},
                 {.shapes = {{3, 4}, {3, 4}}, .attributes = {{"reduction", "sum"}}}},
});
const Row box_forward{box_iou};
// At a NaN frameworks' masks give NaN, 0 or a slope; where two ends meet, the slope of either side is a derivative.
Operator undecided_at_ties(Operator op) {
  op.specials = [](const Tensors<double>& in, const Attributes&) {
    const std::vector<double> &p = in[1].values, &g = in[2].values;
    std::vector<Specials> all(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) {
      const std::size_t box = i / 4 * 4, low = box + i % 2, high = low + 2;
      bool nan = false;
      for (std::size_t k = box; k < box + 4; ++k) nan = nan || std::isnan(p[k]) || std::isnan(g[k]);
      const bool meet = p[low] == p[high] || g[low] == g[high] || p[low] == g[low] || p[high] == g[high] || p[low] == g[high] || p[high] == g[low];
      if (nan) all[i] = {{.unjudged = "a mask at NaN"}};
      if (meet) all[i] = {{.unjudged = "two ends meet: the slope of either side"}};
    }
    return all;
  };
  return op;
}
const Row box_backward{undecided_at_ties(backward_of<BoxIou>(box_iou))};

const Operator mask_iou = whole<MaskIou>({
    .name = "mask_iou_loss",
    .family = "loss",
    .formula = "L = 1 − (Σpg + s) / (Σp + Σg − Σpg + s)",
    .source = "Rahman & Wang 2016; named by the seed",
    .notes = "p, g: (N, …) masks from 0 to 1, one loss a mask.",
    .inputs = {mask("p", true), mask("g", false)},
    .outputs = {"y"},
    .attributes = {not_negative_row("smooth", 0), empty_row(), reduction_row()},
    .catalogue = {.variants = "smooth s, empty = nan, zero, one; reduction", .special = "Two empty masks with s = 0: NaN (variants 0, 1).",
                  .gradient = "dp_i = −(g_i U − (Σpg + s)(1 − g_i)) / U² · dy, U = Σp + Σg − Σpg + s"},
    .examples = {{.shapes = {{2, 3, 2}, {2, 3, 2}}},
                 {.shapes = {{2, 4}, {2, 4}}, .attributes = {{"smooth", 1.0}, {"reduction", "sum"}}},
                 {.shapes = {{2, 2}, {2, 2}}, .attributes = {{"empty", "one"}, {"reduction", "none"}}, .values = {{"p", {0, 0, 0.5, 1}}, {"g", {0, 0, 1, 1}}}, .kink = true}},
});
const Row mask_forward{mask_iou};
const Row mask_backward{backward_of<MaskIou>(mask_iou)};

const Operator dice = whole<Dice>({
    .name = "dice_loss",
    .family = "loss",
    .formula = "L = 1 − (2Σpg + s) / (Σp + Σg + s)",
    .source = "Milletari et al. 2016, arXiv:1606.04797 (squared denominator); named by the seed",
    .notes = "p, g: (N, …) masks from 0 to 1, one loss a mask.",
    .inputs = {mask("p", true), mask("g", false)},
    .outputs = {"y"},
    .attributes = {not_negative_row("smooth", 0), choice_row("denominator", {"sum", "squared"}, "sum: Σp + Σg, squared: Σp² + Σg² (V-Net)"),
                   empty_row(), reduction_row()},
    .catalogue = {.variants = "smooth s, denominator = sum, squared; empty = nan, zero, one; reduction",
                  .special = "Two empty masks with s = 0: NaN (variants 0, 1).  With J the IoU: D = 2J/(1 + J) at s = 0.", .gradient = "dp_i = −(2 g_i D − (2Σpg + s) D'_i) / D² · dy, D = Σp + Σg + s, D'_i = 1 (squared: 2p_i)"},
    .examples = {{.shapes = {{2, 3, 2}, {2, 3, 2}}},
                 {.shapes = {{2, 4}, {2, 4}}, .attributes = {{"smooth", 1.0}, {"denominator", "squared"}, {"reduction", "sum"}}},
                 {.shapes = {{2, 2}, {2, 2}}, .attributes = {{"empty", "zero"}, {"reduction", "none"}}, .values = {{"p", {0, 0, 0.5, 1}}, {"g", {0, 0, 1, 1}}}, .kink = true}},
});
const Row dice_forward{dice};
const Row dice_backward{backward_of<Dice>(dice)};

}  // namespace
}  // namespace karat
