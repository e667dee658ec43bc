#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/address.hpp"

struct Elf;

namespace importlock {

/// A virtual address as the linker wrote it into a file. Only LoadBias makes an Address of it, so
/// that a bias can neither be forgotten nor added twice.
enum class LinkAddress : std::uint64_t {};

/// What to add to a LinkAddress of one image to find it in memory.
enum class LoadBias : std::uint64_t {};

constexpr Address operator+(LoadBias bias, LinkAddress address) {
  return Address{static_cast<std::uint64_t>(bias) + static_cast<std::uint64_t>(address)};
}

/// A program header.
struct Segment {
  LinkAddress address{};
  std::uint64_t file_offset = 0;
  std::uint64_t file_size = 0;
  std::uint64_t memory_size = 0;
  bool writable = false;
};

/// A defined symbol.
struct Symbol {
  LinkAddress address{};
  std::uint64_t size = 0;
};

/// Symbols by base name: `import_lock.lto_priv.0` of a build optimised across files is found under
/// "import_lock". A name can have several candidates.
using SymbolsByName = std::unordered_map<std::string_view, std::vector<Symbol>>;

/// The .gnu_debuglink section: a file's name and its CRC-32.
struct DebugLink {
  std::string file_name;
  std::uint32_t crc = 0;
};

/// An NT_FILE entry of a core: a part of a file that was mapped.
struct MappedFile {
  Address start;
  Address end;
  std::uint64_t file_offset = 0;  ///< bytes
  std::string path;
};

/// An ELF file of little-endian Linux, read through libelf or with pread and never mapped, so that
/// a file cut short while we read it costs an error and not a SIGBUS.
class ElfFile {
 public:
  /// Throws FileError where the file cannot be opened, FormatError where it is no ELF file, not
  /// a regular one, or its headers do not hold together.
  static ElfFile open(const std::string& path);

  ElfFile(ElfFile&&) noexcept;
  ElfFile& operator=(ElfFile&&) noexcept;
  ~ElfFile();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int machine() const { return machine_; }  ///< EM_X86_64 …
  [[nodiscard]] bool is_core() const;
  [[nodiscard]] std::uint64_t size() const { return size_; }  ///< of the file, in bytes
  /// The PT_LOAD segments.
  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  /// The PT_NOTE segments.
  [[nodiscard]] const std::vector<Segment>& note_segments() const { return note_segments_; }
  /// Lower-case hex of NT_GNU_BUILD_ID; nothing where the file has none.
  [[nodiscard]] const std::optional<std::string>& build_id() const { return build_id_; }
  [[nodiscard]] std::optional<DebugLink> debug_link() const;

  enum class Table { dynsym, symtab };
  struct Symbols {
    SymbolsByName defined;
    std::unordered_set<std::string_view> undefined;  ///< those that another file has to provide
  };
  /// The symbols of `table` with one of the base names in `wanted`, and at most `largest` bytes.
  /// The keys are those of `wanted`, which must outlive the result. Empty where the file has no
  /// such table.
  [[nodiscard]] Symbols symbols(Table table, std::span<const std::string_view> wanted,
                                std::uint64_t largest = UINT64_MAX) const;

  /// The base name of the variable that spans `address`; empty where no symbol does.
  [[nodiscard]] std::string variable_at(LinkAddress address) const;

  /// Whether `size` bytes at `address` lie in the program's variables: writable, initialised or
  /// not, and not a part of what the dynamic linker fills in.
  [[nodiscard]] bool holds_variable(LinkAddress address, std::uint64_t size) const;
  /// What a variable of `width` bytes (at most 8) holds before the program starts; nothing where
  /// there is none or the file is too short.
  [[nodiscard]] std::optional<std::uint64_t> initial_value(LinkAddress address,
                                                           unsigned width) const;

  /// Reads from `offset` of the file on, as far as it goes; gives how many bytes there were. Throws
  /// FileError.
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, std::span<std::byte> into) const;
  /// Reads file contents that a read-only PT_LOAD maps at `address`; false where no such segment
  /// holds the whole range or the file is too short.
  [[nodiscard]] bool read_constant(LinkAddress address, std::span<std::byte> into) const;

  /// Calls `visit(type, offset in the file, size)` for each note of a PT_NOTE segment until it
  /// returns false; gives false where the notes break off. At most `most` bytes of it are looked
  /// at, and `most` is less by them afterwards.
  bool for_each_note(
      const Segment& segment, std::uint64_t& most,
      const std::function<bool(std::uint32_t, std::uint64_t, std::uint64_t)>& visit) const;
  // Of all PT_NOTE segments: a core of 10,000 threads, each with its AVX-512 registers, has 40 MiB.
  static constexpr std::uint64_t most_note_bytes = std::uint64_t{512} << 20;

  /// The mapped files that a core names in NT_FILE; empty where it has no such note.
  [[nodiscard]] std::vector<MappedFile> mapped_files() const;

 private:
  ElfFile(std::string path, int descriptor, Elf* elf);
  void read_headers();
  void read_build_id();
  void read_variable_ranges();
  [[nodiscard]] bool read_contents(const Segment& segment, LinkAddress address,
                                   std::span<std::byte> into) const;

  /// Addresses from `start` on, before `end`.
  struct Range {
    std::uint64_t start = 0;
    std::uint64_t end = 0;
    /// Whether it holds all of `size` bytes at `address`.
    [[nodiscard]] bool holds(std::uint64_t address, std::uint64_t size) const {
      return start <= address && address <= end && end - address >= size;
    }
  };

  std::string path_;
  int descriptor_ = -1;
  Elf* elf_ = nullptr;
  int machine_ = 0;
  int type_ = 0;
  std::uint64_t size_ = 0;
  std::vector<Segment> segments_;
  std::vector<Segment> note_segments_;
  std::vector<Range> relro_;      ///< read-only once the dynamic linker is done
  std::vector<Range> variables_;  ///< .data, .bss and their like
  std::optional<std::string> build_id_;
};

/// NT_GNU_BUILD_ID in the contents of a PT_NOTE segment, as lower-case hex.
std::optional<std::string> build_id_in_notes(std::span<const std::byte> notes);

}  // namespace importlock
