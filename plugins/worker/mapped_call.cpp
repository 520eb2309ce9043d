// SPDX-License-Identifier: MIT
#include "plugins/worker/mapped_call.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

namespace karat::worker {
namespace {

constexpr std::size_t kScratchAlignment = 64;

std::size_t page_size() {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

}  // namespace

MappedCall::MappedCall(wire::Unpacker& in, Arena& arena, int inputs, int outputs, wire::StatusPage& page)
    : arena_(arena), page_(page) {
  arena_.clear();
  kernel_ = in.next<std::int32_t>();
  const auto threads = in.next<std::int32_t>();
  read_tensors(in, inputs, outputs);
  read_attributes(in);
  in.end();

  with_data_.struct_size = sizeof(karat_call);
  with_data_.tensors = data_pointers_.data();
  with_data_.tensor_count = static_cast<std::int32_t>(tensors_.size());
  with_data_.attribute_count = static_cast<std::int32_t>(attributes_.size());
  with_data_.attributes = attribute_pointers_.data();
  with_data_.threads = threads;
  without_data_ = with_data_;
  without_data_.tensors = shape_pointers_.data();
  page_.scratch = page_.scratch_bytes = 0;
}

void MappedCall::read_tensors(wire::Unpacker& in, int inputs, int outputs) {
  const auto count = in.next<std::uint32_t>();
  if (count > wire::kMaxTensors) throw wire::Malformed("too many tensors");
  tensors_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    Tensor& tensor = tensors_[i];
    tensor.name = in.text();
    tensor.role = in.next<std::int32_t>();
    const auto dtype = in.next<std::int32_t>();
    const bool writable = in.next<std::uint8_t>() != 0;
    const auto shares = in.next<std::int32_t>();  // index of an earlier mapped tensor, or -1
    const auto offset = in.next<std::uint64_t>();
    const auto bytes = in.next<std::uint64_t>();
    const auto data_offset = in.next<std::uint64_t>();
    tensor.bytes = in.next<std::uint64_t>();
    tensor.restored = writable && tensor.role != KARAT_OUTPUT;
    tensor.shape = in.list<std::int64_t>();
    tensor.strides = in.list<std::int64_t>();
    if (shares < 0)
      tensor.data = arena_.map_file(writable ? outputs : inputs, offset, bytes, writable) + data_offset;

    karat_tensor out{};
    out.struct_size = sizeof(karat_tensor);
    out.name = tensor.name.c_str();
    out.role = tensor.role;
    out.dtype = dtype;
    out.rank = static_cast<std::int32_t>(tensor.shape.size());
    out.shape = tensor.shape.data();
    out.strides = tensor.strides.data();
    shape_structs_.push_back(out);
    out.reserved = shares;  // until every tensor is mapped
    data_structs_.push_back(out);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto shares = std::exchange(data_structs_[i].reserved, 0);
    if (shares >= static_cast<std::int32_t>(count)) throw wire::Malformed("no such tensor");
    if (shares >= 0) tensors_[i].data = tensors_[static_cast<std::size_t>(shares)].data;
    data_structs_[i].data = tensors_[i].data;
    page_.data[i] = reinterpret_cast<std::uintptr_t>(tensors_[i].data);
    data_pointers_.push_back(&data_structs_[i]);
    shape_pointers_.push_back(&shape_structs_[i]);
  }
}

void MappedCall::read_attributes(wire::Unpacker& in) {
  attributes_.resize(in.next<std::uint32_t>());
  attribute_structs_.resize(attributes_.size());
  for (std::size_t i = 0; i < attributes_.size(); ++i) {
    Attribute& attribute = attributes_[i];
    karat_attribute& out = attribute_structs_[i];
    attribute.name = in.text();
    out.struct_size = sizeof(karat_attribute);
    out.kind = in.next<std::int32_t>();
    out.number = in.next<double>();
    out.integer = in.next<std::int64_t>();
    attribute.text = in.text();
    attribute.list = in.list<std::int64_t>();
    out.name = attribute.name.c_str();
    out.text = attribute.text.c_str();
    out.list = attribute.list.data();
    out.list_length = static_cast<std::int32_t>(attribute.list.size());
    attribute_pointers_.push_back(&out);
  }
}

void MappedCall::set_scratch(std::size_t bytes) {
  with_data_.scratch = nullptr;
  with_data_.scratch_size = bytes;
  page_.scratch = page_.scratch_bytes = 0;
  if (bytes == 0) return;
  const std::size_t page = page_size();
  const std::size_t rounded =
      bytes > SIZE_MAX - page ? SIZE_MAX / page * page : (bytes + page - 1) / page * page;
  if (rounded != scratch_bytes_) {
    if (scratch_bytes_ != 0) madvise(scratch_pages_, scratch_bytes_, MADV_DONTNEED);
    scratch_bytes_ = 0;
    scratch_pages_ = arena_.map_private(rounded);
    scratch_bytes_ = rounded;
  }
  // As close to the end as the alignment lets it.
  const std::size_t room = (bytes + kScratchAlignment - 1) / kScratchAlignment * kScratchAlignment;
  std::byte* data = scratch_pages_ + (rounded - room);
  std::memset(data, 0xff, room);
  with_data_.scratch = data;
  page_.scratch = reinterpret_cast<std::uintptr_t>(data);
  page_.scratch_bytes = bytes;
}

}  // namespace karat::worker
