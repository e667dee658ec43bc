#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "elf/elf_file.hpp"
#include "target/image_file.hpp"
#include "target/memory.hpp"

namespace importlock {

/// Memory whose bytes come from `source` by blocks of pages, each fetched once; where a block
/// cannot be fetched whole, as at the edge of a mapping, by single pages. A page that cannot be
/// fetched whole is not kept: the range asked for is then read by itself. Frames and code objects
/// lie close together, so this turns tens of thousands of small reads into hundreds.
class CachedMemory : public Memory {
 public:
  /// As Memory::try_read; its exceptions pass through.
  using Source = std::function<bool(Address, std::span<std::byte>)>;
  explicit CachedMemory(Source source) : source_(std::move(source)) {}

  bool try_read(Address address, std::span<std::byte> into) override;
  bool try_read_alone(Address address, std::span<std::byte> into) override {
    return source_(address, into);
  }

 private:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t block_size = 4 * page_size;
  static constexpr std::size_t most_held = std::size_t{32} << 20;
  using Contents = std::unordered_map<Address, const std::byte*>;
  const std::byte* page(Address start);
  const std::byte* kept(Contents& contents, Address start, std::size_t size);
  void forget();
  /// Null where it cannot be fetched whole.
  const std::byte* fetched(Address start, std::size_t size);

  Source source_;
  Contents blocks_;       ///< null: by pages
  Contents pages_;        ///< null: cannot be fetched
  std::size_t held_ = 0;  ///< bytes asked for since all was forgotten
  std::vector<std::unique_ptr<std::byte[]>> contents_;
  Address last_start_;  ///< of the page asked for last, which is mostly the next one too
  const std::byte* last_ = nullptr;
};

/// `primary`, and where that faults the read-only segments of loaded files: a core leaves .text and
/// .rodata out, since they can be had from the files. Refers to `primary`, which must outlive it.
class FileBackedMemory : public Memory {
 public:
  /// Opens the image that the target has mapped at an address; no file where there is none.
  using Opener = std::function<ImageFile(Address)>;
  explicit FileBackedMemory(Memory& primary, Opener opener = {})
      : primary_(primary), opener_(std::move(opener)) {}

  /// `file` must outlive this memory.
  void add(const ElfFile& file, LoadBias bias) { images_.push_back({&file, bias}); }
  bool try_read(Address address, std::span<std::byte> into) override;
  bool try_read_alone(Address address, std::span<std::byte> into) override {
    return primary_.try_read_alone(address, into);
  }

 private:
  struct Image {
    const ElfFile* file;
    LoadBias bias;
  };
  bool read_from_images(Address address, std::span<std::byte> into) const;

  Memory& primary_;
  Opener opener_;
  std::vector<Image> images_;
  std::vector<std::unique_ptr<ElfFile>> opened_;
};

}  // namespace importlock
