#include "target/layered_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace importlock {

const std::byte* CachedMemory::fetched(Address start, std::size_t size) {
  if (held_ + size > most_held) forget();
  held_ += size;
  auto bytes = std::make_unique_for_overwrite<std::byte[]>(size);
  if (!source_(start, {bytes.get(), size})) return nullptr;  // a part may still be readable
  return contents_.emplace_back(std::move(bytes)).get();
}

const std::byte* CachedMemory::page(Address start) {
  if (last_ != nullptr && last_start_ == start) return last_;
  const auto skip = start.value() % block_size;
  const Address block_start{start.value() - skip};
  const auto* const block = kept(blocks_, block_start, block_size);
  last_ = block != nullptr ? block + skip : kept(pages_, start, page_size);
  last_start_ = start;
  return last_;
}

const std::byte* CachedMemory::kept(Contents& contents, Address start, std::size_t size) {
  const auto found = contents.find(start);
  if (found != contents.end()) return found->second;
  const auto* const bytes = fetched(start, size);
  contents.emplace(start, bytes);
  return bytes;
}

void CachedMemory::forget() {
  blocks_.clear();
  pages_.clear();
  contents_.clear();
  last_ = nullptr;
  held_ = 0;
}

bool CachedMemory::try_read(Address address, std::span<std::byte> into) {
  if (into.empty()) return true;
  if (address.value() > std::numeric_limits<std::uint64_t>::max() - into.size()) return false;
  std::size_t done = 0;
  while (done < into.size()) {
    const auto at = (address + done).value();
    const auto offset = static_cast<std::size_t>(at % page_size);
    const auto* const page = this->page(Address{at - offset});
    if (page == nullptr) return source_(address, into);
    const auto length = std::min(into.size() - done, page_size - offset);
    std::copy_n(page + offset, length, into.begin() + static_cast<std::ptrdiff_t>(done));
    done += length;
  }
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
