// SPDX-License-Identifier: MIT
// pad:           y[h, w] = x[h − top, w − left], value outside
// pad_backward:  dx[h, w] = dy[h + top, w + left]
//
// Method: rows are copied; every bit of an element, those of a NaN too, stays what it is.  The value is rounded once.
#include <cmath>

#include "kernels/augmentation/images.hpp"
#include "kernels/call.hpp"
#include "kernels/convert.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

// Where an image of `inner`'s size lies in one of `outer`'s: [top, left, bottom, right].
struct Border {
  std::int64_t top, left;
  Border(const Arguments& arguments, const Images& inner, const Images& outer) {
    const auto padding = arguments.list("padding");
    require(padding.size() == 4, "padding is not [top, left, bottom, right]");
    for (const std::int64_t p : padding) require(p >= 0 && p <= (1 << 24), "padding is not from 0 to 2^24");
    require(std::isfinite(arguments.number("value")), "the value is not finite");
    require(outer.height == inner.height + padding[0] + padding[2] && outer.width == inner.width + padding[1] + padding[3],
            "the padded image has not the size of the image and its padding");
    top = padding[0];
    left = padding[1];
  }
};

struct Forward {
  std::int32_t dtype;
  ImageTensors images;
  Border border;
  double value;
  int threads;
  Forward(std::int32_t type, const Arguments& a)
      : dtype(type), images(forward_images(type, a)), border(a, images.from, images.to), value(a.number("value")), threads(a.threads()) {}
  void run() const {
    std::uint64_t fill = 0;
    narrow(dtype, &value, 1, &fill);
    shift_images(images, -border.top, -border.left, element_size(dtype), &fill, threads);
  }
};

struct Backward {
  ImageTensors images;
  Border border;
  std::size_t size;
  int threads;
  Backward(std::int32_t dtype, const Arguments& a)
      : images(backward_images(dtype, a)), border(a, images.to, images.from), size(element_size(dtype)), threads(a.threads()) {}
  void run() const {
    const std::uint64_t unused = 0;  // dx lies inside of dy
    shift_images(images, border.top, border.left, size, &unused, threads);
  }
};

const Planned<Forward> row({.op = "pad", .kernel = "row_copy", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});
const Planned<Backward> backward({.op = "pad_backward", .kernel = "row_copy", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
