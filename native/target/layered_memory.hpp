#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "elf/elf_file.hpp"
#include "target/memory.hpp"

namespace importlock {

/// Memory whose bytes come from `source` page by page, each page fetched once. A page that cannot
/// be fetched whole is not kept: the range asked for is then read by itself. Frames and code
/// objects lie close together, so this turns tens of thousands of small reads into hundreds.
class CachedMemory : public Memory {
 public:
  /// Throws FaultError from read() as Memory asks; any other exception passes through.
  using Source = std::function<void(Address, std::span<std::byte>)>;
  explicit CachedMemory(Source source) : source_(std::move(source)) {}

  void read(Address address, std::span<std::byte> into) override;

 private:
  static constexpr std::size_t page_size = 4096;
  using Page = std::array<std::byte, page_size>;
  const Page* page(Address start);

  Source source_;
  std::unordered_map<Address, std::unique_ptr<Page>> pages_;  ///< null: cannot be fetched
};

/// `primary`, and where that faults the read-only segments of loaded files: a core leaves .text and
/// .rodata out, since they can be had from the files. Refers to `primary`, which must outlive it.
class FileBackedMemory : public Memory {
 public:
  explicit FileBackedMemory(Memory& primary) : primary_(primary) {}

  /// `file` must outlive this memory.
  void add(const ElfFile& file, LoadBias bias) { images_.push_back({&file, bias}); }
  void read(Address address, std::span<std::byte> into) override;

 private:
  struct Image {
    const ElfFile* file;
    LoadBias bias;
  };
  Memory& primary_;
  std::vector<Image> images_;
};

}  // namespace importlock
