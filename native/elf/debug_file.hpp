#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "elf/elf_file.hpp"

namespace importlock {

/// The separate debug file of `file`, looked for as gdb does (gdb manual, "Debugging Information in
/// Separate Files"): `already_loaded` (what a debugger found for it), then by build id and by debug
/// link in each of `directories`, beside the file, and in `lib/debug` and `usr/lib/debug` of each
/// folder above it, which is where an unpacked root keeps them. A file of another build (build id
/// or CRC-32 differ) is refused, and a line of `refused` says so.
std::optional<ElfFile> find_debug_file(const ElfFile& file,
                                       std::span<const std::string> directories,
                                       std::span<const std::string> already_loaded,
                                       std::vector<std::string>& refused);

}  // namespace importlock
