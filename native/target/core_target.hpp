#pragma once

#include <string>
#include <vector>

#include "base/address.hpp"
#include "target/mapping.hpp"
#include "target/target.hpp"

namespace importlock {

/// The core file at `path`, of the kernel, of gdb's gcore or of qemu-user. Only the pages that are
/// touched are read. `files` says where the files that it names are found besides their own paths.
/// Where it is cut short, what remains is read and Target::problems say so. Throws FileError,
/// FormatError or TargetError, of one line, where it is no core or none that can be read.
Target core_target(const std::string& path, FileLookup files);

/// The mappings that a core tells, or those of its executable at AT_PHDR (`program_headers`), which
/// `files` has to name then. Throws TargetError where it does not, or where that executable lies
/// otherwise than the core's segments.
std::vector<Mapping> mappings_of_core(const ElfFile& core, const FileLookup& files,
                                      Address program_headers);

}  // namespace importlock
