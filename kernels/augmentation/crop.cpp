// SPDX-License-Identifier: MIT
// crop:           y[h, w] = x[top + h, left + w]
// crop_backward:  dx = dy inside the box, 0 outside
//
// Method: rows are copied; every bit of an element, those of a NaN too, stays what it is.
#include "kernels/augmentation/images.hpp"
#include "kernels/call.hpp"
#include "kernels/operator.hpp"

namespace karat::kernels {
namespace {

// Where the box [top, left, height, width] lies in `whole`; refuses one that is not inside, or not of `part`'s size.
struct Box {
  std::int64_t top, left;
  Box(const Arguments& arguments, const Images& whole, const Images& part) {
    const auto box = arguments.list("box");
    require(box.size() == 4, "box is not [top, left, height, width]");
    require(box[0] >= 0 && box[1] >= 0 && box[2] >= 0 && box[3] >= 0 && box[0] <= whole.height && box[1] <= whole.width &&
                box[2] <= whole.height - box[0] && box[3] <= whole.width - box[1],
            "the box is not inside the image");
    require(box[2] == part.height && box[3] == part.width, "the cropped image has not the box's size");
    top = box[0];
    left = box[1];
  }
};

struct Forward {
  ImageTensors images;
  Box box;
  std::size_t size;
  int threads;
  Forward(std::int32_t dtype, const Arguments& a)
      : images(forward_images(dtype, a)), box(a, images.from, images.to), size(element_size(dtype)), threads(a.threads()) {}
  void run() const {
    const std::uint64_t zero = 0;
    shift_images(images, box.top, box.left, size, &zero, threads);
  }
};

struct Backward {
  ImageTensors images;
  Box box;
  std::size_t size;
  int threads;
  Backward(std::int32_t dtype, const Arguments& a)
      : images(backward_images(dtype, a)), box(a, images.to, images.from), size(element_size(dtype)), threads(a.threads()) {}
  void run() const {
    const std::uint64_t zero = 0;
    shift_images(images, -box.top, -box.left, size, &zero, threads);
  }
};

const Planned<Forward> row({.op = "crop", .kernel = "row_copy", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});
const Planned<Backward> backward({.op = "crop_backward", .kernel = "row_copy", .claim_f64 = "exact", .claim_narrow = "exact", .capabilities = kDense});

}  // namespace
}  // namespace karat::kernels
