#include "target/image_file.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace importlock {

namespace {

namespace fs = std::filesystem;

template <typename Header, typename ProgramHeader>
std::optional<std::string> build_id_of(Memory& memory, Address start) {
  const auto header = memory.value<Header>(start);
  if (header.e_phentsize != sizeof(ProgramHeader)) return std::nullopt;
  // Notes are addressed as linked: the first PT_LOAD is what lies at `start`.
  std::optional<std::uint64_t> first;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    const auto program =
        memory.value<ProgramHeader>(start + header.e_phoff + i * sizeof(ProgramHeader));
    if (program.p_type == PT_LOAD && !first) first = program.p_vaddr - program.p_offset;
    if (program.p_type != PT_NOTE) continue;
    constexpr std::uint64_t largest = 65536;
    const auto size = std::min<std::uint64_t>(program.p_memsz, largest);
    // The linker puts PT_LOAD before PT_NOTE or gives both the same difference to the offset.
    const auto linked = first.value_or(program.p_vaddr - program.p_offset);
    try {
      const auto notes = memory.bytes(start + (program.p_vaddr - linked), size);
      if (auto id = build_id_in_notes(notes)) return id;
    } catch (const FaultError&) {
      // Another PT_NOTE may be there.
    }
  }
  return std::nullopt;
}

const Mapping* first_mapping(const Target& target, const std::string& path) {
  const auto found = std::ranges::find_if(target.mappings, [&](const Mapping& mapping) {
    return mapping.path == path && mapping.file_offset == 0;
  });
  return found == target.mappings.end() ? nullptr : &*found;
}

/// Places on this machine where the file may be, the likeliest first.
std::vector<std::string> places(const Target& target, const std::string& path,
                                const Mapping* mapping) {
  const auto& files = target.files;
  const bool is_executable = path == target.info.executable;
  std::vector<std::string> result;
  std::vector<std::string> kernel;
  if (files.live_pid && mapping != nullptr) {
    if (is_executable) kernel.push_back(fmt::format("/proc/{}/exe", *files.live_pid));
    kernel.push_back(fmt::format("/proc/{}/map_files/{:x}-{:x}", *files.live_pid,
                                 mapping->start.value(), mapping->end.value()));
  }
  if (mapping != nullptr && mapping->deleted) result = kernel;
  for (const auto& root : files.roots) result.push_back(root + path);
  const auto name = fs::path(path).filename();
  for (const auto& folder : files.search_directories) result.push_back(fs::path(folder) / name);
  for (const auto& file : files.loaded_files) {
    if (fs::path(file).filename() == name) result.push_back(file);
  }
  if (is_executable && !files.executable.empty()) result.push_back(files.executable);
  if (mapping == nullptr || !mapping->deleted) {
    result.insert(result.end(), kernel.begin(), kernel.end());
  }
  return result;
}

/// Throws FileError where that cannot be told.
bool is_regular(const std::string& path) {
  std::error_code error;
  const auto type = fs::status(path, error).type();
  if (type == fs::file_type::none) throw FileError(path, error.value());
  return type == fs::file_type::regular;
}

}  // namespace

std::optional<std::string> build_id_in_memory(Memory& memory, Address start) {
  try {
    const auto identity = memory.bytes(start, EI_NIDENT);
    if (load<std::uint32_t>(identity, 0) != 0x464c457f) return std::nullopt;  // "\x7f" "ELF"
    return identity[EI_CLASS] == std::byte{ELFCLASS64}
               ? build_id_of<Elf64_Ehdr, Elf64_Phdr>(memory, start)
               : build_id_of<Elf32_Ehdr, Elf32_Phdr>(memory, start);
  } catch (const FaultError&) {
    return std::nullopt;
  }
}

ImageFile open_image(const Target& target, const std::string& path) {
  const auto* const mapping = first_mapping(target, path);
  const auto there = mapping != nullptr && target.memory
                         ? build_id_in_memory(*target.memory, mapping->start)
                         : std::nullopt;
  ImageFile result;
  bool is_data = false;
  for (const auto& place : places(target, path, mapping)) {
    try {
      if (!is_regular(place)) continue;
      auto file = ElfFile::open(place);
      const auto& here = file.build_id();
      if (here && there && *here != *there) {
        result.why_not =
            fmt::format("{} is not the file that the target runs (build id {} here, {} there)",
                        place, *here, *there);
        continue;
      }
      const auto bias = load_bias(file, path, target.mappings);
      if (!bias) {
        is_data = true;
        continue;
      }
      result.file = std::make_unique<ElfFile>(std::move(file));
      result.bias = *bias;
      result.why_not.clear();
      return result;
    } catch (const FormatError&) {
      is_data = true;  // data files are mapped too: locale archives, fonts, databases
    } catch (const FileError& error) {
      if (error.shortage()) throw;
      if (result.why_not.empty()) result.why_not = error.what();
    }
  }
  if (result.why_not.empty() && !is_data) {
    result.why_not = fmt::format("{} is not on this machine{}{}", path,
                                 mapping != nullptr && mapping->deleted ? " any more" : "",
                                 there ? fmt::format(" (build id {})", *there) : "");
  }
  return result;
}

ImageFile ImageOpener::operator()(Address address) {
  for (const auto& mapping : target_.mappings) {
    if (address < mapping.start || address >= mapping.end) continue;
    return tried_.insert(mapping.path).second ? open_image(target_, mapping.path) : ImageFile{};
  }
  return {};
}

}  // namespace importlock
