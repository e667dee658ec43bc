#include "elf/elf_file.hpp"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gelf.h>
#include <libelf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace importlock {

namespace {

// A program of 2.7 has fewer than twenty; a core has one for each mapping, of which the kernel
// allows 65,530 (vm.max_map_count) unless it is told otherwise.
constexpr std::size_t most_program_headers = 262'144;
constexpr std::size_t most_mapped_files = 262'144;
constexpr std::size_t most_sections = 262'144;     // gcore writes some for each mapping
constexpr std::uint64_t largest_table = 64 << 20;  // of symbols, or of their names
constexpr std::uint64_t largest_note = 16 << 20;   // NT_FILE of 65,530 mappings: some 7 MiB
constexpr std::uint64_t largest_section_note = 65536;

/// libelf gives nothing where it has no memory, as where there is nothing.
class MemoryCheck {
 public:
  MemoryCheck() { errno = 0; }
  /// Throws std::bad_alloc where memory was lacking since.
  void operator()() const {
    if (errno == ENOMEM) throw std::bad_alloc();
  }
};

std::string_view base_name(std::string_view symbol) {
  // GCC's -flto and cloning passes append ".lto_priv.0", ".cold", ".constprop.0" and the like.
  return symbol.substr(0, symbol.find('.', 1));
}

// A clone's suffix that still names the whole variable, unlike ".cold" or ".part.0" of a function.
bool names_whole_object(std::string_view symbol) {
  const auto suffix = symbol.substr(base_name(symbol).size());
  if (suffix.empty() || suffix.starts_with(".lto_priv")) return true;
  return std::ranges::all_of(suffix, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

Elf_Scn* find_section(Elf* elf, GElf_Word type) {
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) != nullptr && header.sh_type == type) return section;
  }
  return nullptr;
}

/// Which names can be among those that are wanted, by their first bytes: finding the end of a name
/// is most of the work, and most are of no interest.
class Beginnings {
 public:
  explicit Beginnings(std::span<const std::string_view> names) {
    for (const auto name : names) length_ = std::min(length_, name.size());
    for (const auto name : names) wanted_.set(hash(name));
  }
  bool operator()(std::string_view names) const {
    return names.size() >= length_ && wanted_[hash(names)];
  }

 private:
  static constexpr std::size_t size = 4096;
  [[nodiscard]] std::size_t hash(std::string_view name) const {
    std::uint64_t first = 0;
    std::memcpy(&first, name.data(), length_);
    constexpr std::uint64_t golden = 0x9e3779b97f4a7c15;  // of multiplicative hashing
    constexpr int used_bits = 12;
    return (first * golden) >> (64 - used_bits);
  }

  std::size_t length_ = sizeof(std::uint64_t);
  std::bitset<size> wanted_;
};

/// libelf reads what is asked of it, so the sizes that a file claims are looked at before.
Elf_Data* contents_of(Elf_Scn* section, std::uint64_t largest) {
  GElf_Shdr header;
  if (gelf_getshdr(section, &header) == nullptr || header.sh_size > largest) return nullptr;
  return elf_rawdata(section, nullptr);
}

/// The index of the section that holds the names of sections; nothing where it has none that fits.
std::optional<std::size_t> section_names(Elf* elf) {
  std::size_t names = 0;
  if (elf_getshdrstrndx(elf, &names) != 0) return std::nullopt;
  Elf_Scn* const section = elf_getscn(elf, names);
  GElf_Shdr header;
  if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return std::nullopt;
  return header.sh_size <= largest_table ? std::optional(names) : std::nullopt;
}

/// How many sections a file claims, of which libelf keeps a record each as soon as it opens it.
template <typename Header, typename SectionHeader>
std::uint64_t sections_claimed(int descriptor) {
  Header header{};
  SectionHeader first{};
  if (::pread(descriptor, &header, sizeof header, 0) != sizeof header) return 0;
  if (header.e_shoff == 0 || header.e_shnum != 0) return header.e_shnum;
  // Too many for the field: the first section has the number.
  if (::pread(descriptor, &first, sizeof first, static_cast<off_t>(header.e_shoff)) !=
      sizeof first) {
    return 0;
  }
  return first.sh_size;
}

bool claims_too_many_sections(int descriptor) {
  std::array<unsigned char, EI_NIDENT> identity{};
  if (::pread(descriptor, identity.data(), identity.size(), 0) < 0) return false;
  const auto claimed = identity[EI_CLASS] == ELFCLASS64
                           ? sections_claimed<Elf64_Ehdr, Elf64_Shdr>(descriptor)
                           : sections_claimed<Elf32_Ehdr, Elf32_Shdr>(descriptor);
  return claimed > most_sections;
}

/// The header of a section whose contents lie in the file, whole and no larger than a table.
std::optional<GElf_Shdr> table_header(const ElfFile& file, Elf_Scn* section) {
  GElf_Shdr header;
  if (section == nullptr || gelf_getshdr(section, &header) == nullptr) return std::nullopt;
  if (header.sh_type == SHT_NOBITS || header.sh_size > largest_table) return std::nullopt;
  if (header.sh_offset > file.size() || header.sh_size > file.size() - header.sh_offset) {
    return std::nullopt;
  }
  return header;
}

/// A table of names, by pieces where it is large: fresh memory is most of what reading costs. What
/// is asked for lies ever further on then.
class NameTable {
 public:
  NameTable(const ElfFile& file, const GElf_Shdr& header) : file_(file), header_(header) {}

  /// Whether it is best asked for in the order of its names.
  [[nodiscard]] bool by_pieces() const { return header_.sh_size > piece_size; }

  /// What begins at `at`: a name with its end, and more; nothing where the table ends before.
  std::string_view from(std::uint64_t at) {
    if (at >= header_.sh_size) return {};
    const bool within = at >= start_ && at - start_ < size_;
    const bool whole = start_ + size_ == header_.sh_size;
    if (!within || (!whole && start_ + size_ - at < longest_name)) read(at);
    return {bytes_.get() + (at - start_), size_ - (at - start_)};
  }

 private:
  static constexpr std::uint64_t piece_size = 128 << 10;
  static constexpr std::uint64_t longest_name = 4096;

  void read(std::uint64_t at) {
    start_ = by_pieces() ? at : 0;
    const auto wanted = std::min(piece_size, header_.sh_size - start_);
    if (!bytes_) bytes_ = std::make_unique_for_overwrite<char[]>(wanted);
    size_ = file_.read_at(header_.sh_offset + start_,
                          std::as_writable_bytes(std::span(bytes_.get(), wanted)));
  }

  const ElfFile& file_;
  const GElf_Shdr& header_;
  std::unique_ptr<char[]> bytes_;
  std::uint64_t start_ = 0, size_ = 0;  ///< of the piece
};

/// Calls `visit(name, symbol)` for each for which `wanted(symbol)` and then `named(its name and
/// what follows)`. libelf would keep all that it has read for as long as the file is open.
template <typename Sym, typename Wanted, typename Named, typename Visit>
void visit_symbols(const ElfFile& file, const GElf_Shdr& symbols, const GElf_Shdr& names,
                   const Wanted& wanted, const Named& named, Visit visit) {
  NameTable table(file, names);
  const auto look = [&](const Sym& symbol) {
    const auto name = table.from(symbol.st_name);
    if (!named(name)) return;
    const auto length = name.find('\0');
    if (length != name.npos) visit(name.substr(0, length), symbol);
  };
  constexpr std::size_t at_once = 512;
  std::array<Sym, at_once> window;
  std::vector<Sym> found;
  for (std::uint64_t at = 0; at < symbols.sh_size; at += sizeof window) {
    const auto size = std::min<std::uint64_t>(sizeof window, symbols.sh_size - at);
    const auto got =
        file.read_at(symbols.sh_offset + at, std::as_writable_bytes(std::span(window)).first(size));
    for (const auto& symbol : std::span(window).first(got / sizeof(Sym))) {
      if (!wanted(symbol)) continue;
      table.by_pieces() ? found.push_back(symbol) : look(symbol);
    }
  }
  std::ranges::sort(found, {}, &Sym::st_name);
  std::ranges::for_each(found, look);
}

template <typename Wanted, typename Named, typename Visit>
void for_each_symbol(const ElfFile& file, Elf* elf, GElf_Word table_type, const Wanted& wanted,
                     const Named& named, Visit visit) {
  const MemoryCheck check;
  const auto symbols = table_header(file, find_section(elf, table_type));
  const auto names = symbols ? table_header(file, elf_getscn(elf, symbols->sh_link)) : symbols;
  check();
  if (!names) return;
  if (gelf_getclass(elf) == ELFCLASS64) {
    visit_symbols<Elf64_Sym>(file, *symbols, *names, wanted, named, visit);
  } else {
    visit_symbols<Elf32_Sym>(file, *symbols, *names, wanted, named, visit);
  }
}

constexpr GElf_Word table_type(ElfFile::Table table) {
  return table == ElfFile::Table::dynsym ? SHT_DYNSYM : SHT_SYMTAB;
}

/// Of a compressed file, which a core kept by systemd-coredump is: how to get at what is in it.
std::string how_to_unpack(int descriptor) {
  using namespace std::string_view_literals;
  struct Packer {
    std::string_view magic, unpack;
  };
  // The first bytes, by the formats' own descriptions (RFC 8878, lz4_Frame_format.md, xz's
  // file-format.txt, RFC 1952, bzip2).
  constexpr std::array packers{Packer{"\x28\xb5\x2f\xfd"sv, "zstd -d"},
                               Packer{"\x04\x22\x4d\x18"sv, "lz4 -d"},
                               Packer{"\xfd\x37zXZ\0"sv, "xz -dk"},
                               Packer{"\x1f\x8b"sv, "gunzip -k"}, Packer{"BZh"sv, "bunzip2 -k"}};
  std::array<char, 6> bytes{};
  const auto length = ::pread(descriptor, bytes.data(), bytes.size(), 0);
  if (length < 0) return "";
  const std::string_view start(bytes.data(), static_cast<std::size_t>(length));
  for (const auto& packer : packers) {
    if (start.starts_with(packer.magic)) {
      return fmt::format(
          ", but compressed; unpack it first: {} FILE, or of systemd-coredump: "
          "coredumpctl dump PID -o core",
          packer.unpack);
    }
  }
  return "";
}

}  // namespace

ElfFile ElfFile::open(const std::string& path) {
  elf_version(EV_CURRENT);
  // O_NONBLOCK: a fifo in the place of a file must not make us wait for its writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) throw FileError(path, errno);
  ElfFile file(path, descriptor, nullptr);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw FileError(path, errno);
  if (!S_ISREG(status.st_mode)) throw FormatError(path + " is not a regular file");
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  if (claims_too_many_sections(descriptor)) {
    throw FormatError(path + ": the ELF section headers are damaged");
  }
  const MemoryCheck check;
  file.elf_ = elf_begin(descriptor, ELF_C_READ, nullptr);
  check();
  if (file.elf_ == nullptr || elf_kind(file.elf_) != ELF_K_ELF) {
    throw FormatError(path + " is not an ELF file" + how_to_unpack(descriptor));
  }
  file.read_headers();
  file.read_build_id();
  file.read_variable_ranges();
  check();
  return file;
}

ElfFile::ElfFile(std::string path, int descriptor, Elf* elf)
    : path_(std::move(path)), descriptor_(descriptor), elf_(elf) {}

ElfFile::ElfFile(ElfFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      elf_(std::exchange(other.elf_, nullptr)),
      machine_(other.machine_),
      type_(other.type_),
      size_(other.size_),
      segments_(std::move(other.segments_)),
      note_segments_(std::move(other.note_segments_)),
      relro_(std::move(other.relro_)),
      variables_(std::move(other.variables_)),
      build_id_(std::move(other.build_id_)) {}

ElfFile& ElfFile::operator=(ElfFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(elf_, other.elf_);
  machine_ = other.machine_;
  type_ = other.type_;
  size_ = other.size_;
  segments_ = std::move(other.segments_);
  note_segments_ = std::move(other.note_segments_);
  relro_ = std::move(other.relro_);
  variables_ = std::move(other.variables_);
  build_id_ = std::move(other.build_id_);
  return *this;
}

ElfFile::~ElfFile() {
  if (elf_ != nullptr) elf_end(elf_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool ElfFile::is_core() const { return type_ == ET_CORE; }

void ElfFile::read_headers() {
  GElf_Ehdr header;
  if (gelf_getehdr(elf_, &header) == nullptr || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    throw FormatError(path_ + " is not a little-endian ELF file");
  }
  machine_ = header.e_machine;
  type_ = header.e_type;
  std::size_t count = 0;
  if (elf_getphdrnum(elf_, &count) != 0 || count > most_program_headers) {
    throw FormatError(path_ + ": the ELF program headers are damaged");
  }
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr program;
    if (gelf_getphdr(elf_, static_cast<int>(i), &program) == nullptr) break;
    const Segment segment{LinkAddress{program.p_vaddr}, program.p_offset, program.p_filesz,
                          program.p_memsz, (program.p_flags & PF_W) != 0};
    if (program.p_type == PT_LOAD) segments_.push_back(segment);
    if (program.p_type == PT_NOTE) note_segments_.push_back(segment);
    if (program.p_type == PT_GNU_RELRO && program.p_memsz <= UINT64_MAX - program.p_vaddr) {
      relro_.push_back({program.p_vaddr, program.p_vaddr + program.p_memsz});
    }
  }
}

void ElfFile::read_build_id() {
  if (type_ == ET_CORE) return;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_NOTE) continue;
    const Elf_Data* data = contents_of(section, largest_section_note);
    if (data == nullptr || data->d_buf == nullptr) continue;
    build_id_ = build_id_in_notes({static_cast<const std::byte*>(data->d_buf), data->d_size});
    if (build_id_) return;
  }
}

void ElfFile::read_variable_ranges() {
  if (type_ == ET_CORE) return;
  const auto add = [this](std::uint64_t start, std::uint64_t size) {
    if (size <= UINT64_MAX - start) variables_.push_back({start, start + size});
  };
  if (const auto names = section_names(elf_)) {
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
      GElf_Shdr header;
      if (gelf_getshdr(section, &header) == nullptr) continue;
      constexpr std::uint64_t wanted = SHF_WRITE | SHF_ALLOC;
      if ((header.sh_flags & (wanted | SHF_TLS)) != wanted) continue;
      if (header.sh_type != SHT_PROGBITS && header.sh_type != SHT_NOBITS) continue;
      const char* name = elf_strptr(elf_, *names, header.sh_name);
      if (name != nullptr && std::string_view(name).starts_with(".got")) continue;
      add(header.sh_addr, header.sh_size);
    }
  }
  if (!variables_.empty()) return;
  // Tools such as sstrip cut the section headers off.
  for (const auto& segment : segments_) {
    if (segment.writable) add(static_cast<std::uint64_t>(segment.address), segment.memory_size);
  }
}

bool ElfFile::holds_variable(LinkAddress address, std::uint64_t size) const {
  const auto start = static_cast<std::uint64_t>(address);
  const auto holds = [&](const Range& range) { return range.holds(start, size); };
  return std::ranges::any_of(variables_, holds) && std::ranges::none_of(relro_, holds);
}

std::optional<std::uint64_t> ElfFile::initial_value(LinkAddress address, unsigned width) const {
  std::array<std::byte, 8> bytes{};
  if (width > bytes.size() || !holds_variable(address, width)) return std::nullopt;
  const auto start = static_cast<std::uint64_t>(address);
  for (const auto& segment : segments_) {
    const auto first = static_cast<std::uint64_t>(segment.address);
    if (!segment.writable || start < first || start - first >= segment.memory_size) continue;
    // What the file does not hold of a segment is zero.
    const auto offset = start - first;
    const auto in_file = offset < segment.file_size ? segment.file_size - offset : 0;
    const auto count = std::min<std::uint64_t>(in_file, width);
    if (count > 0 && !read_contents(segment, address, std::span(bytes).first(count))) {
      return std::nullopt;
    }
    return load<std::uint64_t>(bytes, 0);
  }
  return std::nullopt;
}

std::optional<DebugLink> ElfFile::debug_link() const {
  const auto names = section_names(elf_);
  if (!names) return std::nullopt;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_, section)) != nullptr;) {
    GElf_Shdr header;
    if (gelf_getshdr(section, &header) == nullptr) continue;
    const char* name = elf_strptr(elf_, *names, header.sh_name);
    if (name == nullptr || std::string_view(name) != ".gnu_debuglink") continue;
    const Elf_Data* data = contents_of(section, largest_section_note);
    if (data == nullptr || data->d_buf == nullptr) return std::nullopt;
    // A zero-terminated name, padded to four bytes, then the CRC (gdb manual, "Separate Debug
    // Files").
    const std::string_view contents(static_cast<const char*>(data->d_buf), data->d_size);
    const auto length = contents.find('\0');
    if (length == std::string_view::npos || length == 0) return std::nullopt;
    const auto crc = load<std::uint32_t>(std::as_bytes(std::span(contents)), (length + 4) & ~3ULL);
    if (!crc) return std::nullopt;
    return DebugLink{std::string(contents.substr(0, length)), *crc};
  }
  return std::nullopt;
}

ElfFile::Symbols ElfFile::symbols(Table table, std::span<const std::string_view> wanted,
                                  std::uint64_t largest) const {
  Symbols found;
  found.defined.reserve(wanted.size());
  for (const auto name : wanted) found.defined.try_emplace(name);
  const Beginnings beginnings(wanted);
  const auto may_be_wanted = [&](const auto& symbol) {
    const auto type = symbol.st_info & 0xf;  // ELF64_ST_TYPE
    return symbol.st_size <= largest &&
           (type == STT_OBJECT || type == STT_FUNC || type == STT_NOTYPE);
  };
  for_each_symbol(*this, elf_, table_type(table), may_be_wanted, beginnings,
                  [&](std::string_view name, const auto& symbol) {
                    const auto entry = found.defined.find(base_name(name));
                    if (entry == found.defined.end() || !names_whole_object(name)) return;
                    if (symbol.st_shndx == SHN_UNDEF) {
                      found.undefined.insert(entry->first);
                    } else {
                      entry->second.push_back({LinkAddress{symbol.st_value}, symbol.st_size});
                    }
                  });
  std::erase_if(found.defined, [](const auto& entry) { return entry.second.empty(); });
  return found;
}

std::string ElfFile::variable_at(LinkAddress address) const {
  std::string found;
  const auto at = static_cast<std::uint64_t>(address);
  const auto spans = [at](const auto& symbol) {
    return (symbol.st_info & 0xf) == STT_OBJECT && symbol.st_shndx != SHN_UNDEF &&
           symbol.st_value <= at && at - symbol.st_value < symbol.st_size;
  };
  for (const auto table : {Table::symtab, Table::dynsym}) {
    for_each_symbol(
        *this, elf_, table_type(table), spans, [](std::string_view) { return true; },
        [&](std::string_view name, const auto&) { found = base_name(name); });
    if (!found.empty()) break;
  }
  return found;
}

std::size_t ElfFile::read_at(std::uint64_t offset, std::span<std::byte> into) const {
  std::size_t done = 0;
  while (done < into.size() && offset < size_ && done < size_ - offset) {
    const auto got = ::pread(descriptor_, into.data() + done, into.size() - done,
                             static_cast<off_t>(offset + done));
    if (got < 0) throw FileError(path_, errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

bool ElfFile::read_constant(LinkAddress address, std::span<std::byte> into) const {
  return std::ranges::any_of(segments_, [&](const Segment& segment) {
    return !segment.writable && read_contents(segment, address, into);
  });
}

bool ElfFile::read_contents(const Segment& segment, LinkAddress address,
                            std::span<std::byte> into) const {
  const auto start = static_cast<std::uint64_t>(address);
  const auto first = static_cast<std::uint64_t>(segment.address);
  if (start < first || start - first > segment.file_size ||
      segment.file_size - (start - first) < into.size()) {
    return false;
  }
  return read_at(segment.file_offset + (start - first), into) == into.size();
}

bool ElfFile::for_each_note(
    const Segment& segment, std::uint64_t& most,
    const std::function<bool(std::uint32_t, std::uint64_t, std::uint64_t)>& visit) const {
  constexpr std::uint64_t window_size = 65536;
  const auto size = std::min(segment.file_size, most);
  most -= size;
  std::vector<std::byte> window;
  std::uint64_t window_at = 0;
  const auto padded = [](std::uint32_t length) {
    return (std::uint64_t{length} + 3) & ~std::uint64_t{3};
  };
  for (std::uint64_t at = 0; size - at >= sizeof(Elf64_Nhdr);) {
    if (at < window_at || at + sizeof(Elf64_Nhdr) > window_at + window.size()) {
      window.resize(std::min(window_size, size - at));
      window.resize(read_at(segment.file_offset + at, window));
      window_at = at;
    }
    // The header of a note is the same in both classes; names and contents are padded to 4.
    const auto header = load<Elf64_Nhdr>(window, at - window_at);
    if (!header) return false;
    const auto contents_at = at + sizeof(Elf64_Nhdr) + padded(header->n_namesz);
    if (contents_at > size || size - contents_at < header->n_descsz) return false;
    if (!visit(header->n_type, segment.file_offset + contents_at, header->n_descsz)) return true;
    at = std::min(size, contents_at + padded(header->n_descsz));
  }
  return size == segment.file_size && segment.file_offset <= size_ &&
         size <= size_ - segment.file_offset;
}

std::vector<MappedFile> ElfFile::mapped_files() const {
  std::vector<std::byte> contents;
  auto most = most_note_bytes;
  for (const auto& segment : note_segments_) {
    for_each_note(segment, most, [&](std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
      if (type != NT_FILE || size > largest_note) return true;
      contents.resize(size);
      contents.resize(read_at(offset, contents));
      return false;
    });
    if (!contents.empty()) break;
  }
  // Linux fs/binfmt_elf.c, fill_files_note(): long count, long page_size, then count of
  // {long start, end, offset in pages}, then count zero-terminated names.
  std::vector<MappedFile> result;
  const bool wide = gelf_getclass(elf_) == ELFCLASS64;
  const std::uint64_t word = wide ? 8 : 4;
  const auto number = [&](std::uint64_t index) -> std::optional<std::uint64_t> {
    if (wide) return load<std::uint64_t>(contents, index * word);
    return load<std::uint32_t>(contents, index * word);
  };
  const auto files = number(0);
  const auto page_size = number(1);
  if (!files || !page_size || *files > most_mapped_files) return result;
  auto name = (2 + 3 * *files) * word;
  for (std::uint64_t file = 0; file < *files && name < contents.size(); ++file) {
    const auto start = number(2 + 3 * file);
    const auto end = number(3 + 3 * file);
    const auto page = number(4 + 3 * file);
    if (!start || !end || !page) break;
    const auto rest = std::span(contents).subspan(name);
    const auto stop = std::ranges::find(rest, std::byte{0});
    const auto length = static_cast<std::size_t>(stop - rest.begin());
    result.push_back({Address{*start}, Address{*end}, *page * *page_size,
                      std::string(reinterpret_cast<const char*>(rest.data()), length)});
    name += length + 1;
  }
  return result;
}

std::optional<std::string> build_id_in_notes(std::span<const std::byte> notes) {
  std::uint64_t at = 0;
  while (const auto header = load<Elf64_Nhdr>(notes, at)) {
    const auto name_at = at + sizeof(Elf64_Nhdr);
    const auto contents_at = name_at + ((std::uint64_t{header->n_namesz} + 3) & ~3ULL);
    const auto next = contents_at + ((std::uint64_t{header->n_descsz} + 3) & ~3ULL);
    if (contents_at + header->n_descsz > notes.size()) break;
    const auto name = load<std::uint32_t>(notes, name_at);
    constexpr std::uint32_t gnu = 0x00554e47;  // "GNU\0"
    if (header->n_type == NT_GNU_BUILD_ID && header->n_namesz == 4 && name == gnu) {
      std::string hex;
      for (const auto byte : notes.subspan(contents_at, header->n_descsz)) {
        hex += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
      }
      return hex;
    }
    at = next;
  }
  return std::nullopt;
}

}  // namespace importlock
