#include "target/layered_memory.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/error.hpp"

namespace importlock {

const CachedMemory::Page* CachedMemory::page(Address start) {
  const auto [entry, fresh] = pages_.try_emplace(start);
  if (fresh) {
    auto page = std::make_unique<Page>();
    try {
      source_(start, *page);
      entry->second = std::move(page);
    } catch (const FaultError&) {
      // Stays null: a part of the page may still be readable.
    }
  }
  return entry->second.get();
}

void CachedMemory::read(Address address, std::span<std::byte> into) {
  if (into.empty()) return;
  if (address.value() > std::numeric_limits<std::uint64_t>::max() - into.size()) {
    throw FaultError(address, into.size());
  }
  std::size_t done = 0;
  while (done < into.size()) {
    const auto at = (address + done).value();
    const auto offset = static_cast<std::size_t>(at % page_size);
    const Page* page = this->page(Address{at - offset});
    if (page == nullptr) {
      source_(address, into);
      return;
    }
    const auto length = std::min(into.size() - done, page_size - offset);
    std::copy_n(page->begin() + static_cast<std::ptrdiff_t>(offset), length,
                into.begin() + static_cast<std::ptrdiff_t>(done));
    done += length;
  }
}

void FileBackedMemory::read(Address address, std::span<std::byte> into) {
  try {
    primary_.read(address, into);
  } catch (const FaultError&) {
    for (const auto& image : images_) {
      const LinkAddress linked{address.value() - static_cast<std::uint64_t>(image.bias)};
      if (image.file->read_constant(linked, into)) return;
    }
    throw;
  }
}

}  // namespace importlock
