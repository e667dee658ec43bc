#include "target/layered_memory.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>

#include "base/error.hpp"

namespace importlock {

void CachedMemory::Unmap::operator()(std::byte* chunk) const { ::munmap(chunk, chunk_size); }

const std::byte* CachedMemory::fetched(Address start, std::size_t size) {
  if (unused_.size() < size) {
    if (used_chunks_ == most_chunks) forget();
    if (used_chunks_ == chunks_.size()) {
      void* const chunk = ::mmap(nullptr, chunk_size, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
      if (chunk == MAP_FAILED) throw std::bad_alloc();
      chunks_.emplace_back(static_cast<std::byte*>(chunk));
    }
    unused_ = {chunks_[used_chunks_++].get(), chunk_size};
  }
  charge(size);
  if (!source_(start, unused_.first(size))) return nullptr;  // a part may still be readable
  const auto* const bytes = unused_.data();
  unused_ = unused_.subspan(size);
  return bytes;
}

const std::byte* CachedMemory::piece(Address start) {
  if (last_ != nullptr && last_start_ == start) return last_;
  auto found = pieces_.find(start);
  if (found == pieces_.end()) {
    if (pieces_.size() >= most_pieces) forget();
    if (++fetches_ > fetches_of_a_small_program) fetch_around(start);
    found = pieces_.find(start);
  }
  if (found == pieces_.end()) {
    const auto* const bytes = fetched(start, piece_size_);  // may forget all pieces
    found = pieces_.emplace(start, bytes).first;
  }
  last_start_ = start;
  last_ = found->second;
  return last_;
}

void CachedMemory::fetch_around(Address start) {
  const Address block{start.value() - start.value() % block_size};
  const auto* const bytes = fetched(block, block_size);
  for (std::size_t at = 0; bytes != nullptr && at < block_size; at += piece_size_) {
    pieces_.try_emplace(block + at, bytes + at);
  }
}

void CachedMemory::forget() {
  pieces_.clear();
  used_chunks_ = 0;
  unused_ = {};
  last_ = nullptr;
}

void CachedMemory::charge(std::size_t bytes) {
  work_ += 1 + bytes / bytes_per_unit;
  if (work_ > most_work) throw LimitError("there is more to read than a Python process has");
}

bool CachedMemory::try_read(Address address, std::span<std::byte> into) {
  if (into.empty()) return true;
  charge(into.size());
  if (address.value() > std::numeric_limits<std::uint64_t>::max() - into.size()) return false;
  if (fetches_ > fetches_of_a_small_program && piece_size_ < page_size) {
    forget();
    piece_size_ = page_size;
  }
  std::size_t done = 0;
  while (done < into.size()) {
    const auto at = (address + done).value();
    const auto offset = static_cast<std::size_t>(at & (piece_size_ - 1));
    const auto* const piece = this->piece(Address{at - offset});
    if (piece == nullptr) return source_(address, into);
    const auto length = std::min(into.size() - done, piece_size_ - offset);
    std::copy_n(piece + offset, length, into.begin() + static_cast<std::ptrdiff_t>(done));
    done += length;
  }
  return true;
}

bool CachedMemory::try_read_alone(Address address, std::span<std::byte> into) {
  const auto offset = static_cast<std::size_t>(address.value() & (piece_size_ - 1));
  const auto found = pieces_.find(Address{address.value() - offset});
  if (found == pieces_.end() || found->second == nullptr || into.size() > piece_size_ - offset) {
    return source_(address, into);
  }
  std::copy_n(found->second + offset, into.size(), into.begin());
  return true;
}

bool FileBackedMemory::read_from_images(Address address, std::span<std::byte> into) const {
  return std::ranges::any_of(images_, [&](const Image& image) {
    const LinkAddress linked{address.value() - static_cast<std::uint64_t>(image.bias)};
    return image.file->read_constant(linked, into);
  });
}

bool FileBackedMemory::try_read(Address address, std::span<std::byte> into) {
  if (primary_.try_read(address, into) || read_from_images(address, into)) return true;
  auto image = opener_ ? opener_(address) : ImageFile{};
  if (!image.file) return false;
  add(*image.file, image.bias);
  opened_.push_back(std::move(image.file));
  return read_from_images(address, into);
}

}  // namespace importlock
