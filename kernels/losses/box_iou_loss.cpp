// SPDX-License-Identifier: MIT
// box_iou_loss, of boxes p and g: (N, 4) as x1, y1, x2, y2, J = |P ∩ G|/|P ∪ G|:  L = 1 − J, or −log J; one a box,
// their sum or mean.  box_iou_loss_backward: its gradient by p.
//
// Method: along each axis d the boxes share s_d = min(p_d+2, g_d+2) − max(p_d, g_d) and p reaches beyond the shared part
// by o_d = (max(p_d, g_d) − p_d) + (p_d+2 − min(p_d+2, g_d+2)), so that with sides P_d and G_d
//   |P ∩ G| = S = s_x·s_y,  |P| − S = o_x·P_y + s_x·o_y,  U = S + (|P| − S) + (|G| − S):
//   L = ((|P| − S) + (|G| − S))/U, or log1p(((|P| − S) + (|G| − S))/S), and with n = −1 for p_d, +1 for p_d+2,
//   ∂L/∂p = −n·s_e·(o_d·P_e + |G|)/U² where this end of p bounds the shared part, otherwise n·S·P_e/U², e the other
//   axis; divided by J for the logarithm.
// All terms are sums and products of differences of coordinates, none of which is negative: f64 to 8 ulp.  f32, f16 and
// bf16 in double, rounded once.  Where S = 0, J = 0 and the gradient is 0.
#include <algorithm>

#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/losses/losses.hpp"
#include "kernels/operator.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/losses/box_iou_loss.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/elementary/elementary-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

HWY_INLINE V Larger(V a, V b) { return Choose(hn::Gt(a, b), a, b); }
HWY_INLINE V Smaller(V a, V b) { return Choose(hn::Lt(a, b), a, b); }

struct Box {
  V low[2], high[2];
};

HWY_INLINE Box LoadBoxes(const double* p) {
  Box box;
  hn::LoadInterleaved4(D(), p, box.low[0], box.low[1], box.high[0], box.high[1]);
  return box;
}

struct Pairs {
  V side[2], other_side[2];    // of p and of g
  V shared[2], beyond[2];      // s and o
  V intersection, apart, all;  // S, (|P| − S) + (|G| − S), U
  M disjoint, nan;

  HWY_INLINE Pairs(const Box& p, const Box& g) {
    V other_beyond[2];
    nan = hn::IsNaN(Num(0));
    for (int d = 0; d < 2; ++d) {
      const V low = Larger(p.low[d], g.low[d]), high = Smaller(p.high[d], g.high[d]);
      side[d] = hn::Sub(p.high[d], p.low[d]);
      other_side[d] = hn::Sub(g.high[d], g.low[d]);
      shared[d] = AtLeast(hn::Sub(high, low), Num(0));
      beyond[d] = hn::Add(hn::Sub(low, p.low[d]), hn::Sub(p.high[d], high));
      other_beyond[d] = hn::Add(hn::Sub(low, g.low[d]), hn::Sub(g.high[d], high));
      nan = hn::Or(nan, hn::Or(hn::IsNaN(side[d]), hn::IsNaN(other_side[d])));
    }
    intersection = hn::Mul(shared[0], shared[1]);
    disjoint = hn::Eq(intersection, Num(0));
    apart = hn::Add(hn::MulAdd(beyond[0], side[1], hn::Mul(shared[0], beyond[1])),
                    hn::MulAdd(other_beyond[0], other_side[1], hn::Mul(shared[0], other_beyond[1])));
    all = hn::Add(intersection, apart);
  }
};

// A multiple of a vector's length of boxes.
void LossLanes(const double* p, const double* g, std::size_t n, bool logarithm, double* losses) {
  for (std::size_t i = 0; i < n; i += hn::Lanes(D())) {
    const Pairs pairs(LoadBoxes(p + 4 * i), LoadBoxes(g + 4 * i));
    const V loss = logarithm ? Choose(pairs.disjoint, Inf(), Log1p(hn::Div(pairs.apart, pairs.intersection)))
                             : Choose(pairs.disjoint, Num(1), hn::Div(pairs.apart, pairs.all));
    Store(Choose(pairs.nan, NaN(), loss), losses + i);
  }
}

// dp takes the place of p.
void GradientLanes(double* p, const double* g, const double* dy, std::size_t n, bool logarithm) {
  for (std::size_t i = 0; i < n; i += hn::Lanes(D())) {
    const Box a = LoadBoxes(p + 4 * i), b = LoadBoxes(g + 4 * i);
    const Pairs pairs(a, b);
    const V reaching = Load(dy + i);
    Box slope;
    for (int d = 0; d < 2; ++d) {
      const int e = 1 - d;
      const V area = hn::Mul(pairs.other_side[0], pairs.other_side[1]);
      const V bound = hn::MulAdd(pairs.beyond[d], pairs.side[e], area);  // o_d·P_e + |G|
      // Of an end outwards: where it bounds the shared part, and where it does not.
      V inside = hn::Div(bound, pairs.all), outside = hn::Div(pairs.side[e], pairs.all);
      if (logarithm) {
        inside = hn::Div(inside, pairs.shared[d]);
      } else {
        inside = hn::Div(hn::Mul(inside, pairs.shared[e]), pairs.all);
        outside = hn::Div(hn::Mul(outside, pairs.intersection), pairs.all);
      }
      const V in = hn::Neg(hn::Mul(inside, reaching)), out = hn::Mul(outside, reaching);
      const V low = hn::Neg(Choose(hn::Gt(a.low[d], b.low[d]), in, out));
      const V high = Choose(hn::Lt(a.high[d], b.high[d]), in, out);
      slope.low[d] = Choose(pairs.nan, NaN(), hn::IfThenZeroElse(pairs.disjoint, low));
      slope.high[d] = Choose(pairs.nan, NaN(), hn::IfThenZeroElse(pairs.disjoint, high));
    }
    hn::StoreInterleaved4(slope.low[0], slope.low[1], slope.high[0], slope.high[1], D(), p + 4 * i);
  }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {
namespace {

HWY_EXPORT(LossLanes);
HWY_EXPORT(GradientLanes);

class Boxes {
 public:
  static constexpr std::int64_t kWork = 32;  // of a pair of boxes, in elements that are added up

  Boxes(std::int32_t dtype, const Arguments& arguments)
      : dtype_(dtype),
        p_(dense(arguments, "p", KARAT_INPUT, dtype)),
        g_(dense(arguments, "g", KARAT_INPUT, dtype)),
        logarithm_(arguments.is("kind", "log")) {
    require(p_.rank == 2 && p_.shape[1] == 4, "p is not of shape (N, 4)");
    require(shape_of(g_) == shape_of(p_), "g has not the shape of p");
    require(logarithm_ || arguments.is("kind", "linear"), "kind is linear or log");
  }
  Shape shape() const { return shape_of(p_); }
  Shape terms() const { return {p_.shape[0]}; }
  bool logarithm() const { return logarithm_; }
  const void* p() const { return p_.data; }
  const void* g() const { return g_.data; }

  // Boxes begin … end − 1 as doubles, zeros behind them.
  using Block = double[4 * Losses::kBlock];
  void read(const void* boxes, std::int64_t begin, std::int64_t end, Block& to) const {
    const auto n = static_cast<std::size_t>(4 * (end - begin));
    widen(dtype_, static_cast<const std::byte*>(boxes) + 4 * begin * static_cast<std::int64_t>(element_size(dtype_)), n, to);
    std::fill(to + n, to + 4 * Losses::kBlock, 0.0);
  }
  void write(const Block& from, std::int64_t begin, std::int64_t end, void* boxes) const {
    narrow(dtype_, from, static_cast<std::size_t>(4 * (end - begin)),
           static_cast<std::byte*>(boxes) + 4 * begin * static_cast<std::int64_t>(element_size(dtype_)));
  }
  static std::size_t padded(std::int64_t n) { return (static_cast<std::size_t>(n) + 15) / 16 * 16; }

 private:
  std::int32_t dtype_;
  const karat_tensor &p_, &g_;
  bool logarithm_;
};

class Forward {
 public:
  Forward(std::int32_t dtype, const Arguments& arguments)
      : arguments_(arguments), boxes_(dtype, arguments), losses_(dtype, arguments, boxes_.terms(), Boxes::kWork) {}
  std::size_t scratch_bytes() const { return losses_.scratch_bytes(); }
  void run() const {
    losses_.run(arguments_.scratch(), arguments_.threads(), [&](std::int64_t begin, std::int64_t end, double* losses) {
      alignas(64) Boxes::Block p, g;
      boxes_.read(boxes_.p(), begin, end, p);
      boxes_.read(boxes_.g(), begin, end, g);
      HWY_DYNAMIC_DISPATCH(LossLanes)(p, g, Boxes::padded(end - begin), boxes_.logarithm(), losses);
    });
  }

 private:
  Arguments arguments_;
  Boxes boxes_;
  Losses losses_;
};

class Backward {
 public:
  Backward(std::int32_t dtype, const Arguments& arguments)
      : arguments_(arguments),
        boxes_(dtype, arguments),
        gradients_(dtype, arguments, boxes_.terms(), Boxes::kWork),
        dp_(dense(arguments, "dp", KARAT_OUTPUT, dtype)) {
    require(shape_of(dp_) == boxes_.shape(), "dp has not the shape of p");
  }
  void run() const {
    gradients_.run(arguments_.threads(), [&](std::int64_t begin, std::int64_t end, const double* dy) {
      alignas(64) Boxes::Block p, g;
      boxes_.read(boxes_.p(), begin, end, p);
      boxes_.read(boxes_.g(), begin, end, g);
      HWY_DYNAMIC_DISPATCH(GradientLanes)(p, g, dy, Boxes::padded(end - begin), boxes_.logarithm());
      boxes_.write(p, begin, end, dp_.data);
    });
  }

 private:
  Arguments arguments_;
  Boxes boxes_;
  LossGradients gradients_;
  const karat_tensor& dp_;
};

const Planned<Forward> row({.op = "box_iou_loss", .kernel = "overhangs", .capabilities = kDense});
const Planned<Backward> backward_row({.op = "box_iou_loss_backward", .kernel = "overhangs", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
#endif
