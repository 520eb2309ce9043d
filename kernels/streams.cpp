// SPDX-License-Identifier: MIT
#include "kernels/streams.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/blocks.hpp"
#include "kernels/convert.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/streams.cpp"
#include "hwy/foreach_target.h"
//
#include "kernels/streams-inl.h"

HWY_BEFORE_NAMESPACE();
namespace karat::kernels {
namespace HWY_NAMESPACE {
namespace {

struct Itself {
  static constexpr int kIn = 1, kOut = 1;
  explicit Itself(const double*) {}
  HWY_INLINE void operator()(const V* in, V* out) const { out[0] = in[0]; }
};
void SumExact(const StreamCall& call, PartialSums& sums) { SumStreams<Itself, double, true>(call, sums); }
void SumPlain(const StreamCall& call, PartialSums& sums) { SumStreams<Itself, double, false>(call, sums); }

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace karat::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace karat::kernels {

HWY_EXPORT(SumExact);
HWY_EXPORT(SumPlain);

void add_numbers(double* numbers, std::size_t count, bool exact, PartialSums& sums) {
  StreamCall call;
  call.count = (count + kPartialSums - 1) / kPartialSums * kPartialSums;
  std::fill(numbers + count, numbers + call.count, 0.0);
  call.in[0] = numbers;
  call.step[0] = 1;
  if (exact)
    HWY_DYNAMIC_DISPATCH(SumExact)(call, sums);
  else
    HWY_DYNAMIC_DISPATCH(SumPlain)(call, sums);
}

Sum total_of(const PartialSums& sums) {
  Sum sum;
  for (std::size_t i = 0; i < kPartialSums; ++i) sum = add_terms(sum, Sum{sums.hi[i], std::isfinite(sums.hi[i]) ? sums.lo[i] : 0});
  return sum;
}

namespace {

constexpr std::size_t kBlock = 256;  // elements: eight streams of doubles stay in a first-level cache
constexpr std::int64_t kGrainBytes = 128 * 1024;

// A tensor of one number's place among the streams.
struct Place {
  const karat_tensor* tensor;
  Stream kind;
  bool constant;  // one element for all
  bool read() const { return kind != Stream::out; }
  bool written() const { return kind == Stream::inout || kind == Stream::out; }
};

std::int32_t role_of(Stream kind) {
  switch (kind) {
    case Stream::out:
      return KARAT_OUTPUT;
    case Stream::inout:
    case Stream::kept:
    case Stream::idle:
      return KARAT_INOUT;
    default:
      return KARAT_INPUT;
  }
}

struct Found {
  std::vector<Place> places;              // of the tensors that are read or written
  std::vector<const karat_tensor*> full;  // those with the operator's shape among them
  std::int64_t count = 1;
};

// A broadcast tensor of one element that stands for all of another shape.
bool stands_for_all(const karat_tensor& t, const Shape& shape) { return shape_of(t) != shape && count_of(t) == 1; }

Found find_streams(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors) {
  Found found;
  const karat_tensor* first = nullptr;
  for (const StreamTensor& stream : tensors) {
    const karat_tensor& t = arguments.tensor(stream.name, role_of(stream.kind), stream.kind == Stream::labels ? static_cast<std::int32_t>(KARAT_I64) : dtype);
    found.places.push_back({&t, stream.kind, false});
    if (stream.kind != Stream::broadcast && first == nullptr) first = &t;
  }
  require(first != nullptr, "the operator has no tensor");
  const Shape shape = shape_of(*first);
  found.count = count_of(*first);
  for (Place& place : found.places) {
    place.constant = place.kind == Stream::broadcast && stands_for_all(*place.tensor, shape);
    require(place.constant || shape_of(*place.tensor) == shape, "the tensors differ in shape");
  }
  std::erase_if(found.places, [](const Place& place) { return place.kind == Stream::idle || place.kind == Stream::unread; });
  for (const Place& place : found.places)
    if (!place.constant) found.full.push_back(place.tensor);
  return found;
}

void widen_labels(const std::int64_t* from, std::size_t n, double* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] = static_cast<double>(from[i]);
}

class StreamRun {
 public:
  // `stored`: f32 tensors can be taken as they lie.
  StreamRun(std::int32_t dtype, const Found& found, const StreamFunctions& functions, bool stored, const double* parameters)
      : dtype_(dtype), functions_(functions), parameters_(parameters), layout_(layout_of(found.full)) {
    std::int64_t bytes = 1;
    bool direct = dtype == KARAT_F64 || (dtype == KARAT_F32 && stored);
    int number = 0;
    for (const Place& place : found.places) {
      const std::size_t size = place.kind == Stream::labels ? 8 : element_size(dtype);
      streams_.push_back({place, static_cast<std::byte*>(place.tensor->data), size, place.constant ? -1 : number, place.kind == Stream::labels});
      if (place.constant) {
        fill_constant(streams_.back());
        continue;
      }
      direct = direct && layout_.contiguous(number) && (place.kind != Stream::labels || functions.labels_in_place);
      bytes += static_cast<std::int64_t>(size) * (place.kind == Stream::inout ? 2 : 1);
      ++number;
    }
    direct_ = direct;
    const auto block = static_cast<std::int64_t>(kBlock);
    grain_ = std::max<std::int64_t>(1, kGrainBytes / bytes / block) * block;
  }

  std::int64_t count() const { return layout_.count; }
  std::int64_t grain() const { return grain_; }

  // Elements of a part that `direct` takes: whole groups of the tensors as they are.
  std::int64_t direct_end(std::int64_t begin, std::int64_t end) const {
    return direct_ ? begin + (end - begin) / static_cast<std::int64_t>(kPartialSums) * static_cast<std::int64_t>(kPartialSums) : begin;
  }
  StreamCall direct(std::int64_t begin, std::int64_t end) const {
    StreamCall call;
    int in = 0, out = 0;
    for (const Tensor& t : streams_) {
      std::byte* const at = t.data + begin * static_cast<std::int64_t>(t.size);
      if (t.place.read()) {
        const auto slot = static_cast<std::size_t>(in++);
        call.in[slot] = t.number < 0 ? constant(t) : at;
        call.step[slot] = t.number < 0 ? 0 : 1;
      }
      if (t.place.written()) call.out[static_cast<std::size_t>(out++)] = at;
    }
    call.count = static_cast<std::size_t>(end - begin);
    call.parameters = parameters_;
    call.integers = functions_.labels_in_place;
    return call;
  }
  StreamFunction direct_function() const { return dtype_ == KARAT_F64 ? functions_.full : functions_.stored; }

  // Blocks of the elements as doubles: compute(buffers call, n, outputs).  Outputs go back to the tensors.
  template <class After>
  void blocks(std::int64_t begin, std::int64_t end, int extra_outputs, const After& after) const {
    if (begin == end) return;
    std::vector<Cursor> cursors;
    for (const Tensor& t : streams_)
      if (t.number >= 0) cursors.emplace_back(layout_, t.number, begin);
    alignas(64) double buffer[kMaxStreams][kBlock];
    alignas(64) std::byte raw[kBlock * sizeof(double)];
    for (; begin < end; begin += static_cast<std::int64_t>(kBlock)) {
      const auto n = static_cast<std::size_t>(std::min<std::int64_t>(static_cast<std::int64_t>(kBlock), end - begin));
      const std::size_t padded = (n + kPartialSums - 1) / kPartialSums * kPartialSums;
      StreamCall call;
      call.count = padded;
      call.parameters = parameters_;
      call.integers = functions_.labels_in_place;
      int in = 0, out = 0, used = 0;
      for (const Tensor& t : streams_) {
        double* const here = buffer[used++];
        if (t.place.read()) {
          if (t.number < 0) {
            std::copy(t.constant.begin(), t.constant.end(), here);
          } else {
            read(t, cursors[static_cast<std::size_t>(t.number)], n, raw, here);
            std::fill(here + n, here + padded, 1.0);
          }
          call.in[static_cast<std::size_t>(in)] = here;
          call.step[static_cast<std::size_t>(in++)] = t.number < 0 ? 0 : 1;
        }
        if (t.place.written()) call.out[static_cast<std::size_t>(out++)] = here;
      }
      for (int e = 0; e < extra_outputs; ++e) call.out[static_cast<std::size_t>(out++)] = buffer[used++];
      (dtype_ == KARAT_F64 ? functions_.full : functions_.narrow)(call);
      after(call, n);
      for (const Tensor& t : streams_) {
        if (t.number < 0) continue;
        Cursor& cursor = cursors[static_cast<std::size_t>(t.number)];
        if (t.place.written())
          write(t, cursor, n, raw, buffer[&t - streams_.data()]);
        else
          advance(cursor, n);
      }
    }
  }

 private:
  struct Tensor {
    Place place;
    std::byte* data;
    std::size_t size;
    int number;  // in the layout; -1: constant
    bool labels;
    std::array<double, kPartialSums> constant{};  // as doubles, or as floats in the first half
    std::array<float, kPartialSums> constant_stored{};
  };

  void fill_constant(Tensor& t) const {
    const double value = load_number(*t.place.tensor);
    t.constant.fill(value);
    t.constant_stored.fill(static_cast<float>(value));
  }
  const void* constant(const Tensor& t) const { return dtype_ == KARAT_F64 ? static_cast<const void*>(t.constant.data()) : t.constant_stored.data(); }

  // Runs of at most n elements from the cursor on; it stays where it is.
  template <class Body>
  static void walk(Cursor cursor, std::size_t n, const Body& body) {
    for (std::size_t done = 0; done < n;) {
      const std::size_t run = std::min<std::size_t>(n - done, static_cast<std::size_t>(cursor.run()));
      body(done, cursor.offset(), run, cursor.step());
      cursor.advance(static_cast<std::int64_t>(run));
      done += run;
    }
  }
  static void advance(Cursor& cursor, std::size_t n) {
    while (n > 0) {
      const std::size_t run = std::min<std::size_t>(n, static_cast<std::size_t>(cursor.run()));
      cursor.advance(static_cast<std::int64_t>(run));
      n -= run;
    }
  }

  static std::byte* at(const Tensor& t, std::int64_t offset) { return t.data + offset * static_cast<std::int64_t>(t.size); }
  void read(const Tensor& t, const Cursor& cursor, std::size_t n, std::byte* raw, double* to) const {
    const void* source = raw;
    if (layout_.contiguous(t.number))
      source = at(t, cursor.offset());
    else
      walk(cursor, n, [&](std::size_t done, std::int64_t offset, std::size_t run, std::int64_t step) {
        gather(at(t, offset), step, run, t.size, raw + done * t.size);
      });
    if (t.labels && functions_.labels_in_place)
      std::memcpy(to, source, n * t.size);
    else if (t.labels)
      widen_labels(static_cast<const std::int64_t*>(source), n, to);
    else
      widen(dtype_, source, n, to);
  }
  void write(const Tensor& t, Cursor& cursor, std::size_t n, std::byte* raw, const double* from) const {
    if (layout_.contiguous(t.number)) {
      narrow(dtype_, from, n, at(t, cursor.offset()));
    } else {
      narrow(dtype_, from, n, raw);
      walk(cursor, n, [&](std::size_t done, std::int64_t offset, std::size_t run, std::int64_t step) {
        scatter(raw + done * t.size, run, t.size, at(t, offset), step);
      });
    }
    advance(cursor, n);
  }

  std::int32_t dtype_;
  const StreamFunctions& functions_;
  const double* parameters_;
  Layout layout_;
  std::vector<Tensor> streams_;
  bool direct_ = false;
  std::int64_t grain_ = 0;
};

void run_streams(const StreamRun& run, int threads) {
  for_each_part(run.count(), run.grain(), threads, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t whole = run.direct_end(begin, end);
    if (whole > begin) run.direct_function()(run.direct(begin, whole));
    run.blocks(whole, end, 0, [](const StreamCall&, std::size_t) {});
  });
}

void prepare(Prepare function, const Arguments& arguments, std::int64_t count, double* parameters) {
  if (function != nullptr) function(arguments, count, parameters);
}

Sum sum_of(const StreamRun& run, std::int32_t dtype, SumFunction direct, int threads) {
  const bool exact = dtype == KARAT_F64;
  const std::int64_t parts = run.count() == 0 ? 0 : (run.count() - 1) / run.grain() + 1;
  std::vector<Sum> sums(static_cast<std::size_t>(parts));
  for_each_part(run.count(), run.grain(), threads, [&](std::int64_t begin, std::int64_t end) {
    PartialSums partial;
    std::int64_t rest = begin;
    if (direct != nullptr && run.direct_end(begin, end) > begin) {
      rest = run.direct_end(begin, end);
      direct(run.direct(begin, rest), partial);
    }
    run.blocks(rest, end, 1, [&](const StreamCall& call, std::size_t n) {
      add_numbers(static_cast<double*>(call.out[0]), n, exact, partial);
    });
    sums[static_cast<std::size_t>(begin / run.grain())] = total_of(partial);
  });
  Sum sum;
  for (const Sum& part : sums) sum = add_terms(sum, part);
  return sum;
}

}  // namespace

StreamVariant Streams::variant_of(const Arguments& arguments) const {
  return of_.variant != nullptr ? of_.variant(arguments) : StreamVariant{of_.tensors, of_.functions};
}

const char* Streams::declines(std::int32_t dtype, const karat_call& call) const {
  return reason_of([&] {
    const Arguments arguments(call);
    const StreamVariant variant = variant_of(arguments);
    const Found found = find_streams(dtype, arguments, variant.tensors);
    double parameters[kMaxParameters] = {};
    prepare(of_.prepare, arguments, found.count, parameters);
  });
}

void Streams::run(std::int32_t dtype, const karat_call& call) const {
  const Arguments arguments(call);
  const StreamVariant variant = variant_of(arguments);
  const Found found = find_streams(dtype, arguments, variant.tensors);
  double parameters[kMaxParameters] = {};
  prepare(of_.prepare, arguments, found.count, parameters);
  map_streams(dtype, arguments, variant.tensors, variant.functions, parameters);
}

bool Terms::each(const Arguments& arguments) const {
  return of_.each != nullptr ? of_.each(arguments) : arguments.is("reduction", "none");
}

std::vector<StreamTensor> Terms::tensors_of(const Arguments& arguments) const {
  std::vector<StreamTensor> tensors = of_.tensors;
  if (each(arguments)) tensors.push_back({"y", Stream::out});
  return tensors;
}

const char* Terms::declines(std::int32_t dtype, const karat_call& call) const {
  return reason_of([&] {
    const Arguments arguments(call);
    const Found found = find_streams(dtype, arguments, tensors_of(arguments));
    if (!each(arguments)) require(count_of(arguments.tensor("y", KARAT_OUTPUT, dtype)) == 1, "y is more than one number");
    double parameters[kMaxParameters] = {};
    prepare(of_.prepare, arguments, found.count, parameters);
    if (!each(arguments) && of_.finish == nullptr) require(arguments.is("reduction", "mean") || arguments.is("reduction", "sum"), "reduction is none, sum or mean");
  });
}

void Terms::run(std::int32_t dtype, const karat_call& call) const {
  const Arguments arguments(call);
  const std::vector<StreamTensor> tensors = tensors_of(arguments);
  const Found found = find_streams(dtype, arguments, tensors);
  double parameters[kMaxParameters] = {};
  prepare(of_.prepare, arguments, found.count, parameters);
  if (each(arguments)) return map_streams(dtype, arguments, tensors, of_.functions.each, parameters);
  const double sum = total(sum_of_terms(dtype, arguments, tensors, of_.functions, parameters));
  if (of_.finish != nullptr) return store_number(arguments.tensor("y"), of_.finish(sum, found.count, parameters));
  store_number(arguments.tensor("y"), arguments.is("reduction", "mean") ? sum / static_cast<double>(found.count) : sum);
}

std::int64_t count_of_streams(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors) {
  return find_streams(dtype, arguments, tensors).count;
}

void map_streams(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors,
                 const StreamFunctions& functions, const double* parameters) {
  const Found found = find_streams(dtype, arguments, tensors);
  run_streams(StreamRun(dtype, found, functions, functions.stored != nullptr, parameters), arguments.threads());
}

Sum sum_of_terms(std::int32_t dtype, const Arguments& arguments, const std::vector<StreamTensor>& tensors,
                 const TermFunctions& functions, const double* parameters) {
  const Found found = find_streams(dtype, arguments, tensors);
  const StreamRun run(dtype, found, functions.each, functions.sum_stored != nullptr, parameters);
  return sum_of(run, dtype, dtype == KARAT_F64 ? functions.sum_full : functions.sum_stored, arguments.threads());
}

void store_number(const karat_tensor& tensor, double value) { narrow(tensor.dtype, &value, 1, tensor.data); }

double load_number(const karat_tensor& tensor) {
  double value = 0;
  widen(tensor.dtype, tensor.data, 1, &value);
  return value;
}

}  // namespace karat::kernels
#endif
