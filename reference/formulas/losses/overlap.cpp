// SPDX-License-Identifier: MIT
// Losses by overlap, named by the seed without formulas: intersection over union of boxes (Yu et
// al. 2016, arXiv:1608.01471) and of masks (Rahman & Wang 2016), and Dice (Milletari et al. 2016,
// arXiv:1606.04797).
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
};

// One value a mask: (N, …) → N.
template <class T, class Loss>
Tensors<T> per_mask(const Tensors<T>& in, const Attributes& a, Loss one) {
  Tensor<T> loss(Shape{in[0].shape[0]});
  const std::size_t size = loss.values.empty() ? 0 : in[0].values.size() / loss.values.size();
  const T s(a.number("smooth"));
  for (std::size_t n = 0; n < loss.values.size(); ++n) {
    T shared(0), p(0), g(0), p2(0), g2(0);
    for (std::size_t i = n * size; i < (n + 1) * size; ++i) {
      const T& u = in[0].values[i];
      const T& v = in[1].values[i];
      shared = shared + u * v;
      p = p + u;
      g = g + v;
      p2 = p2 + u * u;
      g2 = g2 + v * v;
    }
    const bool empty = vanishes(p) && vanishes(g) && vanishes(s);
    if (empty && a.text("empty") != "nan")
      loss.values[n] = T(a.text("empty") == "one" ? 1 : 0);
    else
      loss.values[n] = one(shared, p, g, p2, g2, s);
  }
  return {reduce(std::move(loss), a)};
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
};

InputRow mask(const char* name, bool differentiable) {
  return {.name = name, .directed = {0, 1}, .typical = {0.05, 0.95}, .domain = {0, 1}, .infinities = false, .differentiable = differentiable};
}
AttributeRow empty_row() { return choice_row("empty", {"nan", "zero", "one"}, "loss of two empty masks with s = 0: the formula's NaN, zero or one"); }

const Operator box_iou = whole<BoxIou>({
    .name = "box_iou_loss",
    .family = "loss",
    .formula = "L = 1 − |P ∩ G| / |P ∪ G|",
    .source = "named by the seed without a formula; Yu et al. 2016, arXiv:1608.01471 (−ln IoU)",
    .notes = "p, g: (N, 4) boxes as x1, y1, x2, y2; an empty or inverted box has area 0.",
    .inputs = {{.name = "p", .directed = {0, 1}, .typical = {-4, 4}, .infinities = false},
               {.name = "g", .directed = {0, 1}, .typical = {-4, 4}, .infinities = false, .differentiable = false}},
    .outputs = {"y"},
    .attributes = {choice_row("kind", {"linear", "log"}, "linear: 1 − IoU, log: −ln IoU"), reduction_row()},
    .catalogue = {.variants = "kind = linear, log; reduction", .special = "Disjoint or empty boxes: IoU 0, so 1 and +∞.",
                  .gradient = "by the tape"},
    .examples = {{.shapes = {{2, 4}, {2, 4}}, .values = {{"p", {0, 0, 2, 2.5, 0, 0, 1, 1}}, {"g", {1, 1, 3, 3, 2, 2, 3, 3}}}},
                 {.shapes = {{2, 4}, {2, 4}}, .attributes = {{"kind", "log"}, {"reduction", "none"}}, .values = {{"p", {0, 0, 2, 2.5, 0, 0.25, 2, 2}}, {"g", {1, 1, 3, 3, 1, 0, 3, 3}}}},
                 {.shapes = {{3, 4}, {3, 4}}, .attributes = {{"reduction", "sum"}}}},
});
const Row box_forward{box_iou};
const Row box_backward{backward_of<BoxIou>(box_iou)};

const Operator mask_iou = whole<MaskIou>({
    .name = "mask_iou_loss",
    .family = "loss",
    .formula = "L = 1 − (Σpg + s) / (Σp + Σg − Σpg + s)",
    .source = "named by the seed without a formula; Rahman & Wang 2016",
    .notes = "p, g: (N, …) masks from 0 to 1, one loss a mask.",
    .inputs = {mask("p", true), mask("g", false)},
    .outputs = {"y"},
    .attributes = {not_negative_row("smooth", 0), empty_row(), reduction_row()},
    .catalogue = {.variants = "smooth s, empty = nan, zero, one; reduction", .special = "Two empty masks with s = 0: NaN (variants 0, 1).",
                  .gradient = "by the tape"},
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
    .source = "named by the seed without a formula; Milletari et al. 2016, arXiv:1606.04797 (squared denominator)",
    .notes = "p, g: (N, …) masks from 0 to 1, one loss a mask.",
    .inputs = {mask("p", true), mask("g", false)},
    .outputs = {"y"},
    .attributes = {not_negative_row("smooth", 0), choice_row("denominator", {"sum", "squared"}, "sum: Σp + Σg, squared: Σp² + Σg² (V-Net)"),
                   empty_row(), reduction_row()},
    .catalogue = {.variants = "smooth s, denominator = sum, squared; empty = nan, zero, one; reduction",
                  .special = "Two empty masks with s = 0: NaN (variants 0, 1).  With J the IoU: D = 2J/(1 + J) at s = 0.", .gradient = "by the tape"},
    .examples = {{.shapes = {{2, 3, 2}, {2, 3, 2}}},
                 {.shapes = {{2, 4}, {2, 4}}, .attributes = {{"smooth", 1.0}, {"denominator", "squared"}, {"reduction", "sum"}}},
                 {.shapes = {{2, 2}, {2, 2}}, .attributes = {{"empty", "zero"}, {"reduction", "none"}}, .values = {{"p", {0, 0, 0.5, 1}}, {"g", {0, 0, 1, 1}}}, .kink = true}},
});
const Row dice_forward{dice};
const Row dice_backward{backward_of<Dice>(dice)};

}  // namespace
}  // namespace karat
