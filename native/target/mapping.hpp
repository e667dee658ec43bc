#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "elf/elf_file.hpp"

namespace importlock {

/// A part of a file that is mapped in the target.
struct Mapping {
  Address start;
  Address end;
  std::uint64_t file_offset = 0;  ///< bytes
  std::string path;               ///< as the target names the file
  bool deleted = false;           ///< the path was unlinked or replaced after it was mapped
  bool shared = false;            ///< MAP_SHARED, as far as the target tells: a core does not
};

/// The file mappings in the text of /proc/PID/maps (Linux fs/proc/task_mmu.c, show_map_vma); lines
/// of another shape are passed over. " (deleted)" is cut off the path and sets `deleted`.
std::vector<Mapping> parse_process_maps(std::string_view text);

/// The file mappings of a live process. Throws FileError.
std::vector<Mapping> process_mappings(int pid);

/// The file mappings that a core names in its NT_FILE note; empty where it has none.
std::vector<Mapping> core_mappings(const ElfFile& core);

/// The mappings of an executable whose program headers the kernel has put at `program_headers`
/// (AT_PHDR of the auxiliary vector): for targets that do not tell what they have mapped, such as
/// cores without NT_FILE (Linux < 3.7, qemu-user). `path` is what to call the file.
std::vector<Mapping> executable_mappings(const ElfFile& executable, const std::string& path,
                                         Address program_headers);

/// Where `file` is loaded: the bias under which each of its PT_LOAD segments lies in a mapping of
/// `path` at its own file offset. Nothing where the file is only mapped, not loaded.
std::optional<LoadBias> load_bias(const ElfFile& file, std::string_view path,
                                  const std::vector<Mapping>& mappings);

}  // namespace importlock
