#include "target/lost_memory.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <system_error>

#include "base/error.hpp"
#include "elf/elf_file.hpp"

namespace importlock {

LostMemory::LostMemory(const std::string& core) {
  const auto file = ElfFile::open(core);
  std::error_code error;
  const std::uint64_t end = std::filesystem::file_size(core, error);
  if (error) throw FileError(core, error.value());
  for (const auto& segment : file.segments()) {
    const auto in_file =
        segment.file_offset < end ? std::min(segment.file_size, end - segment.file_offset) : 0;
    if (in_file < segment.file_size) cut_short_ = true;
    const auto wanted = segment.writable ? segment.memory_size : segment.file_size;
    const auto start = static_cast<std::uint64_t>(segment.address);
    if (wanted <= in_file || in_file > std::numeric_limits<std::uint64_t>::max() - start) continue;
    const auto room = std::numeric_limits<std::uint64_t>::max() - start;
    ranges_.push_back({start + in_file, start + std::min(wanted - 1, room)});
  }
}

bool LostMemory::touches(Address address, std::uint64_t size) const {
  if (size == 0) return false;
  const auto first = address.value();
  const auto last = (address + (size - 1)).value();
  return std::ranges::any_of(
      ranges_, [&](const Range& range) { return first <= range.last && last >= range.first; });
}

}  // namespace importlock
