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

/// Memory whose bytes come from `source` by pieces, each fetched once while it is remembered: of
/// the pieces fetched last, some 4 MiB. A piece that cannot be fetched whole is not kept: the range
/// asked for is then read by itself. Frames and code objects lie close together, so this turns tens
/// of thousands of small reads into hundreds. All that is read through it is bounded (LimitError).
class CachedMemory : public Memory {
 public:
  /// As Memory::try_read; its exceptions pass through.
  using Source = std::function<bool(Address, std::span<std::byte>)>;
  /// What a fetch costs: of a system call, most is each page for the copy; of a way through another
  /// program, such as gdb, most is the fetch itself.
  enum class Fetches { cheap, dear };
  explicit CachedMemory(Source source, Fetches fetches = Fetches::cheap)
      : source_(std::move(source)),
        piece_size_(fetches == Fetches::dear ? page_size : small_piece) {}

  bool try_read(Address address, std::span<std::byte> into) override;
  bool try_read_alone(Address address, std::span<std::byte> into) override;

 private:
  static constexpr std::size_t page_size = 4096;
  /// Of a small program most neighbours of what is read are never asked for; of the many frames of
  /// a large one they are, and a read of four pages takes hardly longer than one of one.
  static constexpr std::size_t small_piece = page_size / 4;
  static constexpr std::size_t block_size = 4 * page_size;
  static constexpr std::size_t fetches_of_a_small_program = 512;
  /// Mapped with its pages in place: a page fault for each costs more than the copy into it.
  static constexpr std::size_t chunk_size = std::size_t{128} << 10;
  static constexpr std::size_t most_chunks = 32;
  static constexpr std::size_t most_pieces = most_chunks * chunk_size / page_size;
  struct Unmap {
    void operator()(std::byte* chunk) const;
  };
  /// What damaged memory can make us do is bounded: a read is a unit of work, and so is each
  /// bytes_per_unit that are copied or fetched. 50,000 frames take some 3 million, a unit some 50
  /// ns.
  static constexpr std::size_t bytes_per_unit = 64;
  static constexpr std::size_t most_work = 16'000'000;
  void charge(std::size_t bytes);
  /// Null where it cannot be fetched whole.
  const std::byte* piece(Address start);
  const std::byte* fetched(Address start, std::size_t size);
  void fetch_around(Address start);
  void forget();

  Source source_;
  std::size_t piece_size_;                                ///< a power of two
  std::unordered_map<Address, const std::byte*> pieces_;  ///< null: cannot be fetched
  std::vector<std::unique_ptr<std::byte, Unmap>> chunks_;
  std::size_t work_ = 0;
  std::size_t fetches_ = 0;
  std::size_t used_chunks_ = 0;  ///< since all was forgotten; the others wait to be used again
  std::span<std::byte> unused_;  ///< of the last one used
  Address last_start_;           ///< of the piece asked for last, which is mostly the next one too
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
